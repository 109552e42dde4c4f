/// A piece of template source.
struct TemplateToken: Equatable, Sendable {
  enum Kind: Equatable, Sendable {
    /// Text between tags, already trimmed.
    case text(String)
    case expressionStart, expressionEnd, statementStart, statementEnd
    case name(String)
    case string(String)
    case int(Int64)
    case double(Double)
    case symbol(String)
    case end
  }

  let kind: Kind
  let place: TemplatePlace

  /// For error messages.
  var name: String {
    switch kind {
    case .text: "text"
    case .expressionStart: "'{{'"
    case .expressionEnd: "'}}'"
    case .statementStart: "'{%'"
    case .statementEnd: "'%}'"
    case .name(let text), .symbol(let text): "'\(text)'"
    case .string: "a string"
    case .int, .double: "a number"
    case .end: "the end of the template"
    }
  }
}
