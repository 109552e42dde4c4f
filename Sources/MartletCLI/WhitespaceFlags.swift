import ArgumentParser
import Martlet
import MartletText

/// White space in JSON that a schema constrains, where a request does not say.
struct WhitespaceFlags: ParsableArguments {
  @Option(help: "Regular expression of the white space between the tokens of constrained JSON; empty: none.")
  var constrainedJsonWhitespacePattern: String?

  @Flag(help: "Constrained JSON has one space behind commas and colons, and no other white space.")
  var constrainedJsonDisableAnyWhitespace = false

  func validate() throws {
    guard let pattern = constrainedJsonWhitespacePattern else { return }
    guard !constrainedJsonDisableAnyWhitespace else {
      throw ValidationError(
        "--constrained-json-whitespace-pattern and --constrained-json-disable-any-whitespace cannot be combined")
    }
    do {
      _ = try GrammarCompiler(vocabulary: .bytes()).compile(.jsonSchema("true", .pattern(pattern)))
    } catch {
      throw ValidationError("--constrained-json-whitespace-pattern: \(error.message)")
    }
  }

  var form: JSONWhitespaceForm {
    if let pattern = constrainedJsonWhitespacePattern { return .pattern(pattern) }
    return constrainedJsonDisableAnyWhitespace ? .separators : .any
  }
}
