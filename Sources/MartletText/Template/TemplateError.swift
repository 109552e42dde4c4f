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

  /// A fault of an operation, which does not know its place; whoever evaluates the expression adds it.
  init(_ message: String, _ kind: Kind = .evaluation) {
    self.init(kind: kind, message: message, line: 0, column: 0)
  }

  /// The same error with a place, unless it has one.
  func at(_ place: TemplatePlace) -> TemplateError {
    line > 0 ? self : TemplateError(kind: kind, message: message, line: place.line, column: place.column)
  }
}
