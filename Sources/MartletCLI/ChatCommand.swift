import ArgumentParser
import Dispatch
import Foundation
import Martlet
import MartletModel
import Synchronization

/// `martlet chat`: a conversation in the terminal.
struct ChatCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "chat", abstract: "Talk with a model in the terminal.",
    discussion:
      "Commands: /help, /clear, /system TEXT, /retry, /stats, /quit. Ctrl-C stops the answer, not the program.")

  @OptionGroup var modelFlags: ModelFlags

  @Option(help: "System message.")
  var system: String?

  @OptionGroup(title: "Sampling") var samplingFlags: SamplingFlags
  @OptionGroup(title: "Engine") var engineFlags: EngineFlags

  private static let help = """
    /clear        forget the conversation
    /system TEXT  set the system message and start over
    /retry        answer the last question again
    /stats        show the size of the conversation
    /quit         leave (so does Ctrl-D)
    """

  func validate() throws { _ = try modelFlags.path() }

  func run() async throws {
    let engine = try await Engine(modelPath: try modelFlags.path(), options: engineFlags.options)
    Terminal.note(engine.model.device)
    let interrupt = Interrupt()
    var conversation = Conversation(system: system)
    if Terminal.inputIsTerminal { Terminal.note("/help lists the commands; Ctrl-D leaves.") }
    while true {
      if Terminal.inputIsTerminal { Terminal.note("> ", terminator: "") }
      guard let line = readLine() else { break }
      switch ChatInput(line) {
      case .empty: continue
      case .quit:
        await engine.shutdown()
        return
      case .help: Terminal.note(Self.help)
      case .clear: conversation = Conversation(system: conversation.system)
      case .system(let text): conversation = Conversation(system: text)
      case .stats: Terminal.note("\(conversation.messages.count) messages")
      case .unknown(let command): Terminal.note("unknown command \(command); /help lists the commands")
      case .retry:
        guard let question = conversation.takeLastQuestion() else {
          Terminal.note("nothing to retry")
          continue
        }
        await answer(question, in: &conversation, engine: engine, interrupt: interrupt)
      case .message(let text): await answer(text, in: &conversation, engine: engine, interrupt: interrupt)
      }
    }
    await engine.shutdown()
  }

  private func answer(
    _ question: String, in conversation: inout Conversation, engine: Engine, interrupt: Interrupt
  ) async {
    let messages = conversation.messages + [ChatMessage(role: .user, content: question)]
    var sampling = samplingFlags.sampling(defaultMaxTokens: 1024)
    // A conversation reads better below 1, which is what the interfaces for programs default to.
    if sampling.temperature == nil, engine.model.defaults.temperature == nil { sampling.temperature = 0.7 }
    let text = Mutex("")
    let task = Task {
      for try await piece in try engine.stream(.chat(messages), sampling: sampling) {
        Terminal.out(piece, terminator: "")
        text.withLock { $0 += piece }
      }
    }
    interrupt.onInterrupt { task.cancel() }
    let result = await task.result
    interrupt.onInterrupt(nil)
    Terminal.out("")
    if case .failure(let error) = result, !(error is CancellationError) {
      Terminal.note("error: \(error)")
      return
    }
    conversation.append(question: question, answer: text.withLock { $0 })
  }
}
