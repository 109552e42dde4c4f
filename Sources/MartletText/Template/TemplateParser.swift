/// Builds a template's statements from its tokens by recursive descent, with a bound on nesting.
struct TemplateParser {
  private var expressions: TemplateExpressionParser
  private var blocks: [String: [TemplateNode]] = [:]
  private var depth = 0
  /// Loops around the current statement within its macro or block.
  private var loops = 0

  private static let maxDepth = 100

  private init(_ tokens: [TemplateToken]) { expressions = TemplateExpressionParser(TemplateCursor(tokens)) }

  static func parse(_ source: String) throws(TemplateError) -> TemplateProgram {
    var parser = TemplateParser(try TemplateLexer.tokens(of: source))
    let body = try parser.nodes(until: [])
    if let unknown = parser.expressions.unknowns.first { throw unknown }
    return TemplateProgram(body: body, blocks: parser.blocks)
  }

  // MARK: Bodies

  /// Statements up to one of the closing words, which is left to the caller (after its `{%`).
  private mutating func nodes(until closers: [String]) throws(TemplateError) -> [TemplateNode] {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.maxDepth else {
      throw expressions.cursor.error("statements are nested deeper than \(Self.maxDepth)")
    }
    var nodes: [TemplateNode] = []
    while true {
      let token = expressions.cursor.current
      switch token.kind {
      case .text(let text):
        nodes.append(TemplateNode(kind: .text(text), place: token.place))
        expressions.cursor.advance()
      case .expressionStart:
        expressions.cursor.advance()
        let value = try expressions.tuple()
        guard expressions.cursor.current.kind == .expressionEnd else {
          throw expressions.cursor.error("'}}' is expected, not \(expressions.cursor.current.name)")
        }
        expressions.cursor.advance()
        nodes.append(TemplateNode(kind: .output([value]), place: token.place))
      case .statementStart:
        expressions.cursor.advance()
        let place = expressions.cursor.current.place
        if case .name(let word) = expressions.cursor.current.kind, closers.contains(word) { return nodes }
        nodes.append(TemplateNode(kind: try statement(closers), place: place))
        try expressions.cursor.expectStatementEnd()
      case .end where closers.isEmpty: return nodes
      case .end:
        let missing = closers.map { "'\($0)'" }.joined(separator: " or ")
        throw expressions.cursor.error("the template ends where \(missing) is expected")
      default: throw expressions.cursor.error("unexpected \(token.name)")
      }
    }
  }

  /// The statements behind a tag's end, up to one of the words.
  private mutating func body(until closers: String...) throws(TemplateError) -> [TemplateNode] {
    _ = expressions.cursor.accept(symbol: ":")
    try expressions.cursor.expectStatementEnd()
    return try nodes(until: closers)
  }

  /// A body whose closing word is taken too. It is always compiled, unless it is part of an `if`.
  private mutating func closedBody(_ closer: String, isConditional: Bool = false) throws(TemplateError)
    -> [TemplateNode]
  {
    let outer = expressions.isConditional
    expressions.isConditional = isConditional && outer
    defer { expressions.isConditional = outer }
    let nodes = try body(until: closer)
    expressions.cursor.advance()
    return nodes
  }

  /// A body that is a function of its own: no `break` leaves it.
  private mutating func functionBody(_ closer: String) throws(TemplateError) -> [TemplateNode] {
    let outer = loops
    loops = 0
    defer { loops = outer }
    return try closedBody(closer)
  }

  // MARK: Statements

  private mutating func statement(_ closers: [String]) throws(TemplateError) -> TemplateNode.Kind {
    let start = expressions.cursor.current
    let word = try expressions.cursor.expectName()
    switch word {
    case "if": return try condition()
    case "for": return try loop()
    case "set": return try assignment()
    case "macro":
      let name = try expressions.cursor.expectName()
      return .macro(try macro(name, try parameters(), "endmacro"))
    case "call": return try call()
    case "filter":
      let filters = try filters()
      return .filterBlock(filters, try closedBody("endfilter"))
    case "with": return try with()
    case "block": return try block()
    case "autoescape":
      guard case .literal(.bool(false)) = try expressions.expression().kind else {
        throw TemplateError("automatic escaping is not supported", .syntax).at(start.place)
      }
      return .with([], try closedBody("endautoescape"))
    case "generation": return .with([], try functionBody("endgeneration"))
    case "print": return try printed()
    case "break", "continue":
      guard loops > 0 else { throw TemplateError("'\(word)' is outside of a loop", .syntax).at(start.place) }
      return word == "break" ? .breakLoop : .continueLoop
    case "include", "import", "from", "extends":
      throw TemplateError("'\(word)' is not supported: a chat template stands alone", .syntax).at(start.place)
    default:
      let wanted = closers.isEmpty ? "" : "; \(closers.map { "'\($0)'" }.joined(separator: " or ")) is expected"
      throw TemplateError("there is no statement '\(word)'\(wanted)", .syntax).at(start.place)
    }
  }

  private mutating func condition() throws(TemplateError) -> TemplateNode.Kind {
    let outer = expressions.isConditional
    expressions.isConditional = true
    defer { expressions.isConditional = outer }
    var branches: [(test: TemplateExpression, body: [TemplateNode])] = []
    while true {
      let test = try expressions.tuple(allowsCondition: false)
      branches.append((test, try body(until: "elif", "else", "endif")))
      switch try expressions.cursor.expectName() {
      case "elif": continue
      case "else": return .condition(branches, otherwise: try closedBody("endif", isConditional: true))
      default: return .condition(branches, otherwise: [])
      }
    }
  }

  private mutating func loop() throws(TemplateError) -> TemplateNode.Kind {
    let place = expressions.cursor.current.place
    let target = try target(until: "in")
    guard !target.names.contains("loop") else {
      throw TemplateError("'loop' cannot be a loop's variable", .syntax).at(place)
    }
    try expressions.cursor.expect(name: "in")
    let iterable = try expressions.tuple(allowsCondition: false, until: "recursive")
    let outer = expressions.isConditional
    expressions.isConditional = false
    defer { expressions.isConditional = outer }
    let mentions = expressions.mentions["loop"]
    let condition = expressions.cursor.accept(name: "if") ? try expressions.expression() : nil
    let isRecursive = expressions.cursor.accept(name: "recursive")
    loops += 1
    let body = try body(until: "endfor", "else")
    loops -= 1
    let usesLoop = isRecursive || expressions.mentions["loop"] != mentions
    let otherwise = try expressions.cursor.expectName() == "else" ? try closedBody("endfor") : []
    return .loop(
      TemplateNode.Loop(
        target: target, iterable: iterable, condition: condition, body: body, otherwise: otherwise,
        isRecursive: isRecursive, usesLoop: usesLoop))
  }

  private mutating func assignment() throws(TemplateError) -> TemplateNode.Kind {
    let target = try target(until: nil, allowsMembers: true)
    if expressions.cursor.accept(symbol: "=") { return .set(target, try expressions.tuple()) }
    let filters = expressions.cursor.accept(symbol: "|") ? try filters() : []
    return .setBlock(target, filters, try closedBody("endset"))
  }

  private mutating func macro(
    _ name: String, _ parameters: [(name: String, value: TemplateExpression?)], _ closer: String
  ) throws(TemplateError) -> TemplateNode.Macro {
    let before = expressions.mentions
    let body = try functionBody(closer)
    let after = expressions.mentions
    func mentions(_ word: String) -> Bool {
      after[word] != before[word] && !parameters.contains { $0.name == word }
    }
    return TemplateNode.Macro(
      name: name, parameters: parameters, body: body, takesCaller: mentions("caller"),
      takesKeywords: mentions("kwargs"), takesMore: mentions("varargs"))
  }

  private mutating func parameters() throws(TemplateError) -> [(name: String, value: TemplateExpression?)] {
    try expressions.cursor.expect(symbol: "(")
    var parameters: [(name: String, value: TemplateExpression?)] = []
    while !expressions.cursor.accept(symbol: ")") {
      if !parameters.isEmpty { try expressions.cursor.expect(symbol: ",") }
      let name = try expressions.cursor.expectName()
      guard !parameters.contains(where: { $0.name == name }) else {
        throw expressions.cursor.error("the parameter '\(name)' is there twice")
      }
      let value = expressions.cursor.accept(symbol: "=") ? try expressions.expression() : nil
      guard value != nil || parameters.last?.value == nil else {
        throw expressions.cursor.error("the parameter '\(name)' needs a default value as the one before has")
      }
      parameters.append((name, value))
    }
    return parameters
  }

  private mutating func call() throws(TemplateError) -> TemplateNode.Kind {
    let parameters = expressions.cursor.isAt(symbol: "(") ? try parameters() : []
    let place = expressions.cursor.current.place
    guard case .call(let callee, let arguments) = try expressions.expression().kind else {
      throw TemplateError("a call is expected", .syntax).at(place)
    }
    return .call(try macro("caller", parameters, "endcall"), callee: callee, arguments)
  }

  private mutating func filters() throws(TemplateError) -> [TemplateNode.Filter] {
    var filters: [TemplateNode.Filter] = []
    repeat {
      let place = expressions.cursor.current.place
      let (name, arguments) = try expressions.filterCall()
      guard let filter = TemplateFilter(named: name) else {
        throw TemplateError(TemplateFilter.refusal(of: name), .syntax).at(place)
      }
      filters.append(TemplateNode.Filter(filter: filter, arguments: arguments))
    } while expressions.cursor.accept(symbol: "|")
    return filters
  }

  private mutating func with() throws(TemplateError) -> TemplateNode.Kind {
    var members: [(target: TemplateNode.Target, value: TemplateExpression)] = []
    while expressions.cursor.current.kind != .statementEnd, !expressions.cursor.isAt(symbol: ":") {
      if !members.isEmpty { try expressions.cursor.expect(symbol: ",") }
      let target = try singleTarget(allowsMembers: false)
      try expressions.cursor.expect(symbol: "=")
      members.append((target, try expressions.expression()))
    }
    return .with(members, try closedBody("endwith"))
  }

  private mutating func block() throws(TemplateError) -> TemplateNode.Kind {
    let name = try expressions.cursor.expectName()
    guard blocks[name] == nil else { throw expressions.cursor.error("the block '\(name)' is there twice") }
    let isScoped = expressions.cursor.accept(name: "scoped")
    blocks[name] = []
    blocks[name] = try functionBody("endblock")
    _ = expressions.cursor.accept(name: name)
    return .block(name: name, isScoped: isScoped)
  }

  private mutating func printed() throws(TemplateError) -> TemplateNode.Kind {
    var values: [TemplateExpression] = []
    while expressions.cursor.current.kind != .statementEnd {
      if !values.isEmpty { try expressions.cursor.expect(symbol: ",") }
      values.append(try expressions.expression())
    }
    return .output(values)
  }

  // MARK: Targets

  private mutating func target(
    until stopper: String?, allowsMembers: Bool = false
  ) throws(TemplateError) -> TemplateNode.Target {
    var targets = [try singleTarget(allowsMembers: allowsMembers)]
    var isTuple = false
    while expressions.cursor.accept(symbol: ",") {
      isTuple = true
      if let stopper, expressions.cursor.isAt(name: stopper) { break }
      if expressions.cursor.current.kind == .statementEnd { break }
      targets.append(try singleTarget(allowsMembers: allowsMembers))
    }
    return isTuple ? .several(targets) : targets[0]
  }

  private mutating func singleTarget(allowsMembers: Bool) throws(TemplateError) -> TemplateNode.Target {
    let start = expressions.cursor.current
    if allowsMembers, case .name(let namespace) = start.kind, expressions.cursor.next.kind == .symbol(".") {
      expressions.cursor.advance()
      expressions.cursor.advance()
      return .member(namespace: namespace, try expressions.cursor.expectName())
    }
    guard let target = TemplateNode.Target(try expressions.primary()) else {
      throw TemplateError("\(start.name) cannot be assigned to", .syntax).at(start.place)
    }
    return target
  }
}

extension TemplateNode.Target {
  /// A name or a tuple of names; nil for other expressions.
  fileprivate init?(_ expression: TemplateExpression) {
    switch expression.kind {
    case .name(let name): self = .name(name)
    case .tuple(let items):
      var targets: [TemplateNode.Target] = []
      for item in items {
        guard let target = TemplateNode.Target(item) else { return nil }
        targets.append(target)
      }
      self = .several(targets)
    default: return nil
    }
  }

  fileprivate var names: [String] {
    switch self {
    case .name(let name): [name]
    case .member: []
    case .several(let targets): targets.flatMap(\.names)
    }
  }
}
