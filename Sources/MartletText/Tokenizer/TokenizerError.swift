/// Tokenizer files that cannot be used.
package struct TokenizerError: Error, Equatable, Sendable, CustomStringConvertible {
  package let field: String
  package let problem: String
  package init(field: String, problem: String) {
    self.field = field
    self.problem = problem
  }
  package var description: String { "tokenizer: \(field): \(problem)" }
}
