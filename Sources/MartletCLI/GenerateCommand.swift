import ArgumentParser
import Foundation
import Martlet

/// `martlet generate`: an offline batch.
struct GenerateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate",
    abstract: "Run prompts through a model and print the answers as JSON Lines.",
    discussion: "Each output line: index, text, finish_reason, prompt_tokens, cached_tokens, completion_tokens.")

  @OptionGroup var modelFlags: ModelFlags

  @Argument(help: "Prompts.")
  var prompts: [String] = []

  @Option(name: .shortAndLong, help: "File of prompts: text, a prompt a line, or JSON Lines; - is standard input.")
  var input: String?

  @Option(name: .shortAndLong, help: "Write the results here instead of to standard output.")
  var output: String?

  @Flag(help: "Put each prompt into the chat template as a user's turn.")
  var chat = false

  @OptionGroup(title: "Sampling") var samplingFlags: SamplingFlags
  @OptionGroup(title: "Output") var outputFlags: OutputFlags
  @OptionGroup(title: "Engine") var engineFlags: EngineFlags

  private struct Result: Encodable {
    let index: Int
    let text: String
    let finishReason: String
    let promptTokens: Int
    let cachedTokens: Int
    let completionTokens: Int
  }

  func validate() throws {
    let prompts = [try modelFlags.resolve().extra].compactMap { $0 } + self.prompts
    guard !prompts.isEmpty || input != nil else {
      throw ValidationError("give prompts as arguments or a file with --input")
    }
  }

  func run() async throws {
    let (modelPath, first) = try modelFlags.resolve()
    let prompts = [first].compactMap { $0 } + self.prompts
    var all = try input.map { try PromptFile(path: $0).prompts } ?? []
    all += prompts.map { Prompt.text($0) }
    if chat {
      all = all.map { prompt in
        guard case .text(let text) = prompt else { return prompt }
        return .chat([ChatMessage(role: .user, content: text)])
      }
    }
    var sampling = samplingFlags.sampling(defaultMaxTokens: 128)
    sampling.form = try outputFlags.form()
    sampling.jsonWhitespace = outputFlags.whitespaceFlags.form
    let engine = try await Engine(modelPath: modelPath, options: engineFlags.options)
    Terminal.note(engine.model.device)
    let bar = ProgressBar(total: all.count, unit: "prompts")
    let results = try await engine.generate(all, sampling: sampling) { _, result in
      bar.advance(tokens: result.tokens.count)
    }
    bar.finish()
    await engine.shutdown()
    try write(results)
  }

  private func write(_ results: [Generation]) throws {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    var lines = Data()
    for (index, result) in results.enumerated() {
      lines += try encoder.encode(
        Result(
          index: index, text: result.text, finishReason: result.finishReason.rawValue,
          promptTokens: result.promptTokens, cachedTokens: result.cachedTokens,
          completionTokens: result.tokens.count))
      lines.append(UInt8(ascii: "\n"))
    }
    if let output {
      try lines.write(to: URL(fileURLWithPath: output))
    } else {
      Terminal.out(lines)
    }
  }
}
