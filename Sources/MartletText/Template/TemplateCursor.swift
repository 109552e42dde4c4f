/// A place in a template's tokens, which end with `.end`.
struct TemplateCursor {
  private let tokens: [TemplateToken]
  private var index = 0

  init(_ tokens: [TemplateToken]) { self.tokens = tokens }

  private static let end = TemplateToken(kind: .end, place: TemplatePlace(line: 1, column: 1))

  var current: TemplateToken { index < tokens.count ? tokens[index] : tokens.last ?? Self.end }
  var next: TemplateToken { index + 1 < tokens.count ? tokens[index + 1] : tokens.last ?? Self.end }

  func error(_ message: String) -> TemplateError { TemplateError(message, .syntax).at(current.place) }

  mutating func advance() { index += 1 }

  func isAt(symbol: String) -> Bool { current.kind == .symbol(symbol) }

  func isAt(name: String) -> Bool { current.kind == .name(name) }

  mutating func accept(symbol: String) -> Bool {
    guard isAt(symbol: symbol) else { return false }
    index += 1
    return true
  }

  mutating func accept(name: String) -> Bool {
    guard isAt(name: name) else { return false }
    index += 1
    return true
  }

  mutating func expect(symbol: String) throws(TemplateError) {
    guard accept(symbol: symbol) else { throw error("'\(symbol)' is expected, not \(current.name)") }
  }

  mutating func expect(name: String) throws(TemplateError) {
    guard accept(name: name) else { throw error("'\(name)' is expected, not \(current.name)") }
  }

  mutating func expectName() throws(TemplateError) -> String {
    guard case .name(let name) = current.kind else { throw error("a name is expected, not \(current.name)") }
    index += 1
    return name
  }

  mutating func expectStatementEnd() throws(TemplateError) {
    guard current.kind == .statementEnd else {
      throw error("the end of the statement is expected, not \(current.name)")
    }
    index += 1
  }
}
