/// Builds a template's statements from its tokens by recursive descent, with a bound on nesting.
struct TemplateParser {
  private let tokens: [TemplateToken]
  private var index = 0
  private var depth = 0
  private static let maxDepth = 200

  private init(_ tokens: [TemplateToken]) { self.tokens = tokens }

  static func parse(_ source: String) throws(TemplateError) -> [TemplateNode] {
    var parser = TemplateParser(try TemplateLexer.tokens(of: source))
    let nodes = try parser.nodes(until: [])
    guard case .end = parser.current.kind else { throw parser.error("unexpected end of a block") }
    return nodes
  }

  // MARK: Tokens

  var current: TemplateToken { tokens[min(index, tokens.count - 1)] }
  private var next: TemplateToken { tokens[min(index + 1, tokens.count - 1)] }

  func error(_ message: String) -> TemplateError {
    TemplateError(kind: .syntax, message: message, line: current.line, column: current.column)
  }

  func make(_ kind: TemplateExpression.Kind, at token: TemplateToken) -> TemplateExpression {
    TemplateExpression(kind: kind, line: token.line, column: token.column)
  }

  mutating func advance() { index += 1 }

  mutating func accept(symbol: String) -> Bool {
    guard current.kind == .symbol(symbol) else { return false }
    index += 1
    return true
  }

  mutating func accept(name: String) -> Bool {
    guard current.kind == .name(name) else { return false }
    index += 1
    return true
  }

  mutating func expect(symbol: String) throws(TemplateError) {
    guard accept(symbol: symbol) else { throw error("'\(symbol)' is expected") }
  }

  mutating func expectName() throws(TemplateError) -> String {
    guard case .name(let name) = current.kind else { throw error("a name is expected") }
    index += 1
    return name
  }

  private mutating func expectStatementEnd() throws(TemplateError) {
    guard current.kind == .statementEnd else { throw error("the end of the statement is expected") }
    index += 1
  }

  mutating func nested<T>(_ body: (inout TemplateParser) throws(TemplateError) -> T) throws(TemplateError) -> T {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.maxDepth else { throw error("nesting is deeper than \(Self.maxDepth)") }
    return try body(&self)
  }

  // MARK: Statements

  /// Statements up to one of the closing words, which is left to the caller (after its `{%`).
  private mutating func nodes(until closers: Set<String>) throws(TemplateError) -> [TemplateNode] {
    var nodes: [TemplateNode] = []
    while true {
      switch current.kind {
      case .text(let text):
        nodes.append(.text(text))
        index += 1
      case .expressionStart:
        index += 1
        nodes.append(.output(try expressionOrTuple()))
        guard current.kind == .expressionEnd else { throw error("the end of the expression is expected") }
        index += 1
      case .statementStart:
        guard case .name(let word) = next.kind else { throw error("a statement's name is expected") }
        if closers.contains(word) {
          index += 1
          return nodes
        }
        index += 2
        nodes.append(try nested { parser throws(TemplateError) in try parser.statement(word) })
      case .end:
        guard closers.isEmpty else { throw error("\(closers.sorted().joined(separator: " or ")) is missing") }
        return nodes
      default: throw error("unexpected token")
      }
    }
  }

  private mutating func body(_ closer: String) throws(TemplateError) -> [TemplateNode] {
    try expectStatementEnd()
    let nodes = try nodes(until: [closer])
    index += 1
    if case .name = current.kind { index += 1 }
    try expectStatementEnd()
    return nodes
  }

  private mutating func statement(_ word: String) throws(TemplateError) -> TemplateNode {
    switch word {
    case "if": return try condition()
    case "for": return try loop()
    case "set": return try assignment()
    case "macro":
      let name = try expectName()
      let parameters = try macroParameters()
      return .macro(TemplateNode.Macro(name: name, parameters: parameters, body: try body("endmacro")))
    case "call":
      let parameters = current.kind == .symbol("(") ? try macroParameters() : []
      let callee = try expression()
      return .call(TemplateNode.Macro(name: "caller", parameters: parameters, body: try body("endcall")), callee)
    case "filter":
      let line = current.line
      let filters = try filterChain()
      return .filterBlock(filters, try body("endfilter"), line: line)
    case "generation": return .group(try body("endgeneration"))
    case "break", "continue":
      try expectStatementEnd()
      return word == "break" ? .breakLoop : .continueLoop
    default: throw error("the statement '\(word)' is not supported")
    }
  }

  private mutating func condition() throws(TemplateError) -> TemplateNode {
    var branches: [(TemplateExpression, [TemplateNode])] = []
    var test = try expression()
    while true {
      try expectStatementEnd()
      branches.append((test, try nodes(until: ["elif", "else", "endif"])))
      switch try expectName() {
      case "elif": test = try expression()
      case "else": return .condition(branches, otherwise: try body("endif"))
      default:
        try expectStatementEnd()
        return .condition(branches, otherwise: [])
      }
    }
  }

  private mutating func loop() throws(TemplateError) -> TemplateNode {
    let targets = try names()
    guard accept(name: "in") else { throw error("'in' is expected") }
    let iterable = try expressionOrTuple(allowsCondition: false)
    let condition = accept(name: "if") ? try expression() : nil
    guard current.kind != .name("recursive") else { throw error("recursive loops are not supported") }
    try expectStatementEnd()
    let body = try nodes(until: ["else", "endfor"])
    var otherwise: [TemplateNode] = []
    if try expectName() == "else" { otherwise = try self.body("endfor") } else { try expectStatementEnd() }
    return .loop(
      TemplateNode.Loop(
        targets: targets, iterable: iterable, condition: condition, body: body, otherwise: otherwise))
  }

  private mutating func names() throws(TemplateError) -> [String] {
    let parenthesised = accept(symbol: "(")
    var names = [try expectName()]
    while accept(symbol: ",") { names.append(try expectName()) }
    if parenthesised { try expect(symbol: ")") }
    return names
  }

  private mutating func assignment() throws(TemplateError) -> TemplateNode {
    let line = current.line
    if case .symbol(".") = next.kind {
      let object = try expectName()
      index += 1
      let attribute = try expectName()
      try expect(symbol: "=")
      let value = try expressionOrTuple()
      try expectStatementEnd()
      return .set(.attribute(object, attribute), value)
    }
    let names = try names()
    if accept(symbol: "=") {
      let value = try expressionOrTuple()
      try expectStatementEnd()
      return .set(.names(names), value)
    }
    guard names.count == 1 else { throw error("'=' is expected") }
    let filters = accept(symbol: "|") ? try filterChain() : []
    return .setBlock(names[0], filters: filters, try body("endset"), line: line)
  }

  private mutating func macroParameters() throws(TemplateError) -> [(name: String, value: TemplateExpression?)] {
    try expect(symbol: "(")
    var parameters: [(name: String, value: TemplateExpression?)] = []
    while !accept(symbol: ")") {
      let name = try expectName()
      parameters.append((name, accept(symbol: "=") ? try expression() : nil))
      if !accept(symbol: ",") {
        try expect(symbol: ")")
        break
      }
    }
    return parameters
  }

  private mutating func filterChain() throws(TemplateError) -> [(String, TemplateExpression.Arguments)] {
    var filters: [(String, TemplateExpression.Arguments)] = []
    repeat {
      let name = try expectName()
      filters.append((name, current.kind == .symbol("(") ? try arguments() : TemplateExpression.Arguments()))
    } while accept(symbol: "|")
    return filters
  }
}
