import ArgumentParser
import Martlet

/// The flags that say what an answer must look like.
struct OutputFlags: ParsableArguments {
  @Option(help: "File with a JSON Schema that the answer must satisfy.")
  var jsonSchema: String?

  @Option(help: "Regular expression that the whole answer must match.")
  var regex: String?

  @Option(help: "File with a grammar (GBNF, EBNF or Lark) of the answer.")
  var grammar: String?

  @Option(help: "A text that the answer may be; may be repeated.")
  var choice: [String] = []

  @OptionGroup var whitespaceFlags: WhitespaceFlags

  func validate() throws {
    let given = [jsonSchema != nil, regex != nil, grammar != nil, !choice.isEmpty].filter { $0 }.count
    guard given <= 1 else {
      throw ValidationError("--json-schema, --regex, --grammar and --choice cannot be combined")
    }
  }

  /// Nil: any text.
  func form() throws -> OutputForm? {
    if let jsonSchema { return .jsonSchema(try TextFile.read(jsonSchema)) }
    if let regex { return .regex(regex) }
    if let grammar { return .grammar(try TextFile.read(grammar)) }
    return choice.isEmpty ? nil : .choice(choice)
  }
}
