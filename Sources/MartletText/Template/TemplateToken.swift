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
  let line: Int
  let column: Int
}
