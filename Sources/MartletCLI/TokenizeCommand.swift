import ArgumentParser
import Foundation
import Martlet

/// `martlet tokenize`: text to token ids.
struct TokenizeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenize", abstract: "Print the token ids of a text.",
    discussion: "Reads standard input when no text is given.")

  @Argument(help: "GGUF file or Hugging Face folder.")
  var modelPath: String

  @Argument(help: "The text.")
  var text: String?

  @Flag(help: "Print a line for each token: id and spelling.")
  var show = false

  @Flag(help: "Do not add the tokens that the model puts around a text.")
  var noSpecialTokens = false

  @Flag(help: "Print the number of tokens only.")
  var count = false

  func run() async throws {
    let input = try text ?? String(decoding: FileHandle.standardInput.readToEnd() ?? Data(), as: UTF8.self)
    let tokenizer = try ModelTokenizer(modelPath: modelPath)
    let tokens = tokenizer.encode(input, addSpecialTokens: !noSpecialTokens)
    if count {
      Terminal.out("\(tokens.count)")
    } else if show {
      for token in tokens { Terminal.out("\(token)\t\(tokenizer.decode([token]).debugDescription)") }
    } else {
      Terminal.out(tokens.map(String.init).joined(separator: " "))
    }
  }
}
