/// A template that cannot be compiled or rendered.
package struct TemplateError: Error, Equatable, Sendable {
  package enum Kind: Sendable, Equatable {
    case syntax, evaluation, budgetExceeded
    /// `raise_exception` was called: the template refuses the conversation (the client's fault).
    case raised
  }
  package let kind: Kind
  package let message: String
  /// 1-based.
  package let line: Int
  package let column: Int
  package init(kind: Kind, message: String, line: Int, column: Int) {
    self.kind = kind
    self.message = message
    self.line = line
    self.column = column
  }
}
