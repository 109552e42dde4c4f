import ArgumentParser
import Foundation
import Martlet

/// `martlet tokenize`: text to token ids.
struct TokenizeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenize", abstract: "Print the token ids of a text.",
    discussion: "Reads standard input when no text is given.")

  @OptionGroup var modelFlags: ModelFlags

  @Argument(help: "The text.")
  var text: String?

  @Flag(help: "Print a line for each token: id and spelling.")
  var show = false

  @Flag(help: "Do not add the tokens that the model puts around a text.")
  var noSpecialTokens = false

  @Flag(help: "Print the number of tokens only.")
  var count = false

  @Option(help: "Encode the text this often, one call after another, and print the speed.")
  var benchmark: Int?

  func validate() throws {
    _ = try modelFlags.resolve()
    if let benchmark, benchmark < 1 { throw ValidationError("--benchmark must be at least 1, got \(benchmark)") }
  }

  func run() async throws {
    let (modelPath, first) = try modelFlags.resolve()
    let input = try first ?? text ?? String(decoding: FileHandle.standardInput.readToEnd() ?? Data(), as: UTF8.self)
    let tokenizer = try ModelTokenizer(modelPath: modelPath)
    let tokens = tokenizer.encode(input, addSpecialTokens: !noSpecialTokens)
    if let benchmark {
      let seconds =
        ContinuousClock().measure {
          for _ in 0..<benchmark { _ = tokenizer.encode(input, addSpecialTokens: !noSpecialTokens) }
        } / .seconds(1)
      let megabytes = Double(input.utf8.count * benchmark) / 1e6
      Terminal.out(String(format: "%d tokens, %.1f MB/s", tokens.count, megabytes / seconds))
    } else if count {
      Terminal.out("\(tokens.count)")
    } else if show {
      for token in tokens { Terminal.out("\(token)\t\(tokenizer.decode([token]).debugDescription)") }
    } else {
      Terminal.out(tokens.map(String.init).joined(separator: " "))
    }
  }
}
