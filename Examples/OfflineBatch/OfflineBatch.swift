import Martlet

/// Runs a batch, streams a chat answer, and shuts down: `swift run -c release OfflineBatch model.gguf`.
@main struct OfflineBatch {
  static func main() async throws {
    guard let path = CommandLine.arguments.dropFirst().first else {
      print("usage: OfflineBatch MODEL")
      return
    }
    let engine = try await Engine(modelPath: path)

    let prompts: [Prompt] = ["The capital of France is", "Water boils at", "The opposite of hot is"]
    let answers = try await engine.generate(prompts, sampling: Sampling(temperature: 0, maxTokens: 16))
    for answer in answers { print(answer.text, "-", answer.finishReason) }

    let question = ChatMessage(role: .user, content: "Name three birds.")
    for try await piece in try engine.stream(.chat([question]), sampling: Sampling(temperature: 0)) {
      print(piece, terminator: "")
    }
    print()
    await engine.shutdown()
  }
}
