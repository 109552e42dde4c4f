extension TemplateParser {
  /// An expression; several with commas between are a tuple.
  mutating func expressionOrTuple(allowsCondition: Bool = true) throws(TemplateError) -> TemplateExpression {
    let start = current
    let first = try allowsCondition ? expression() : disjunction()
    guard current.kind == .symbol(",") else { return first }
    var items = [first]
    while accept(symbol: ",") {
      switch current.kind {
      case .expressionEnd, .statementEnd: break
      default: items.append(try allowsCondition ? expression() : disjunction())
      }
    }
    return make(.tuple(items), at: start)
  }

  mutating func expression() throws(TemplateError) -> TemplateExpression {
    try nested { parser throws(TemplateError) in
      let start = parser.current
      let value = try parser.disjunction()
      guard parser.accept(name: "if") else { return value }
      let condition = try parser.disjunction()
      let otherwise = parser.accept(name: "else") ? try parser.expression() : nil
      return parser.make(.conditional(value, condition: condition, otherwise: otherwise), at: start)
    }
  }

  mutating func disjunction() throws(TemplateError) -> TemplateExpression {
    let start = current
    var left = try conjunction()
    while accept(name: "or") { left = make(.binary("or", left, try conjunction()), at: start) }
    return left
  }

  private mutating func conjunction() throws(TemplateError) -> TemplateExpression {
    let start = current
    var left = try negation()
    while accept(name: "and") { left = make(.binary("and", left, try negation()), at: start) }
    return left
  }

  private mutating func negation() throws(TemplateError) -> TemplateExpression {
    let start = current
    guard accept(name: "not") else { return try comparison() }
    return make(.not(try nested { parser throws(TemplateError) in try parser.negation() }), at: start)
  }

  private mutating func comparison() throws(TemplateError) -> TemplateExpression {
    let start = current
    let left = try sum()
    var links: [(String, TemplateExpression)] = []
    while true {
      if case .symbol(let symbol) = current.kind, ["==", "!=", "<", ">", "<=", ">="].contains(symbol) {
        advance()
        links.append((symbol, try sum()))
      } else if accept(name: "in") {
        links.append(("in", try sum()))
      } else if current.kind == .name("not"), tokenAfterIs(name: "in") {
        advance()
        advance()
        links.append(("not in", try sum()))
      } else {
        return links.isEmpty ? left : make(.compare(left, links), at: start)
      }
    }
  }

  private func tokenAfterIs(name: String) -> Bool {
    var copy = self
    copy.advance()
    return copy.current.kind == .name(name)
  }

  private mutating func binary(
    _ symbols: Set<String>, _ operand: (inout TemplateParser) throws(TemplateError) -> TemplateExpression
  ) throws(TemplateError) -> TemplateExpression {
    let start = current
    var left = try operand(&self)
    while case .symbol(let symbol) = current.kind, symbols.contains(symbol) {
      advance()
      left = make(.binary(symbol, left, try operand(&self)), at: start)
    }
    return left
  }

  private mutating func sum() throws(TemplateError) -> TemplateExpression {
    try binary(["+", "-"]) { parser throws(TemplateError) in try parser.concatenation() }
  }

  private mutating func concatenation() throws(TemplateError) -> TemplateExpression {
    try binary(["~"]) { parser throws(TemplateError) in try parser.product() }
  }

  private mutating func product() throws(TemplateError) -> TemplateExpression {
    try binary(["*", "/", "//", "%"]) { parser throws(TemplateError) in try parser.power() }
  }

  /// Unlike Python's, `**` binds less than a sign and associates to the left.
  private mutating func power() throws(TemplateError) -> TemplateExpression {
    try binary(["**"]) { parser throws(TemplateError) in try parser.unary() }
  }

  /// A filter applies to the signed value.
  private mutating func unary() throws(TemplateError) -> TemplateExpression {
    let start = current
    return try filtered(try signed(start))
  }

  private mutating func signed(_ start: TemplateToken) throws(TemplateError) -> TemplateExpression {
    for symbol in ["-", "+"] where accept(symbol: symbol) {
      let next = current
      let operand = try nested { parser throws(TemplateError) in try parser.signed(next) }
      return make(
        symbol == "-" ? .negate(operand) : .binary("+", make(.literal(.int(0)), at: start), operand), at: start)
    }
    return try postfix(try primary())
  }

  private mutating func primary() throws(TemplateError) -> TemplateExpression {
    let start = current
    switch start.kind {
    case .name(let name):
      advance()
      switch name {
      case "true", "True": return make(.literal(.bool(true)), at: start)
      case "false", "False": return make(.literal(.bool(false)), at: start)
      case "none", "None": return make(.literal(.none), at: start)
      default: return make(.name(name), at: start)
      }
    case .string(var text):
      advance()
      while case .string(let more) = current.kind {
        text += more
        advance()
      }
      return make(.literal(.string(text)), at: start)
    case .int(let value):
      advance()
      return make(.literal(.int(value)), at: start)
    case .double(let value):
      advance()
      return make(.literal(.double(value)), at: start)
    case .symbol("("):
      advance()
      if accept(symbol: ")") { return make(.tuple([]), at: start) }
      let inner = try sequence(until: ")")
      return inner.items.count == 1 && !inner.hasComma ? inner.items[0] : make(.tuple(inner.items), at: start)
    case .symbol("["):
      advance()
      return make(.list(accept(symbol: "]") ? [] : try sequence(until: "]").items), at: start)
    case .symbol("{"):
      advance()
      return try dictionary(start)
    default: throw error("an expression is expected")
    }
  }

  private mutating func sequence(until closer: String) throws(TemplateError) -> (
    items: [TemplateExpression], hasComma: Bool
  ) {
    var items: [TemplateExpression] = []
    var hasComma = false
    while !accept(symbol: closer) {
      items.append(try expression())
      if accept(symbol: ",") {
        hasComma = true
      } else {
        try expect(symbol: closer)
        break
      }
    }
    return (items, hasComma)
  }

  private mutating func dictionary(_ start: TemplateToken) throws(TemplateError) -> TemplateExpression {
    var members: [(TemplateExpression, TemplateExpression)] = []
    while !accept(symbol: "}") {
      let key = try expression()
      try expect(symbol: ":")
      members.append((key, try expression()))
      if !accept(symbol: ",") {
        try expect(symbol: "}")
        break
      }
    }
    return make(.dictionary(members), at: start)
  }

  private mutating func postfix(_ base: TemplateExpression) throws(TemplateError) -> TemplateExpression {
    var value = base
    while true {
      let start = current
      if accept(symbol: ".") {
        if case .int(let index) = current.kind {
          advance()
          value = make(.subscripted(value, make(.literal(.int(index)), at: start)), at: start)
        } else {
          value = make(.attribute(value, try expectName()), at: start)
        }
      } else if accept(symbol: "[") {
        value = try subscripted(value, start)
      } else if current.kind == .symbol("(") {
        value = make(.call(value, try arguments()), at: start)
      } else {
        return value
      }
    }
  }

  private mutating func subscripted(_ value: TemplateExpression, _ start: TemplateToken) throws(TemplateError)
    -> TemplateExpression
  {
    func isEnd(_ parser: TemplateParser) -> Bool {
      parser.current.kind == .symbol(":") || parser.current.kind == .symbol("]")
    }
    let lower = isEnd(self) ? nil : try expression()
    guard accept(symbol: ":") else {
      guard let lower else { throw error("an index is expected") }
      try expect(symbol: "]")
      return make(.subscripted(value, lower), at: start)
    }
    let upper = isEnd(self) ? nil : try expression()
    let step = accept(symbol: ":") && !isEnd(self) ? try expression() : nil
    try expect(symbol: "]")
    return make(.slice(value, lower, upper, step), at: start)
  }

  mutating func arguments() throws(TemplateError) -> TemplateExpression.Arguments {
    try expect(symbol: "(")
    var arguments = TemplateExpression.Arguments()
    while !accept(symbol: ")") {
      if case .name(let name) = current.kind, tokenAfterIs(symbol: "=") {
        advance()
        advance()
        arguments.named.append((name, try expression()))
      } else {
        arguments.positional.append(try expression())
      }
      if !accept(symbol: ",") {
        try expect(symbol: ")")
        break
      }
    }
    return arguments
  }

  private func tokenAfterIs(symbol: String) -> Bool {
    var copy = self
    copy.advance()
    return copy.current.kind == .symbol(symbol)
  }

  /// Filters and tests behind a value.
  private mutating func filtered(_ base: TemplateExpression) throws(TemplateError) -> TemplateExpression {
    var value = base
    while true {
      let start = current
      if accept(symbol: "|") {
        let name = try expectName()
        let arguments = current.kind == .symbol("(") ? try arguments() : TemplateExpression.Arguments()
        value = try postfix(make(.filter(value, name, arguments), at: start))
      } else if accept(name: "is") {
        let negated = accept(name: "not")
        let name = try expectName()
        var arguments = TemplateExpression.Arguments()
        if current.kind == .symbol("(") {
          arguments = try self.arguments()
        } else if startsTestArgument {
          arguments.positional = [try postfix(try primary())]
        }
        value = make(.test(value, name, arguments, negated: negated), at: start)
      } else {
        return value
      }
    }
  }

  /// A test's single argument may follow without parentheses.
  private var startsTestArgument: Bool {
    switch current.kind {
    case .string, .int, .double: true
    case .symbol(let symbol): symbol == "[" || symbol == "{"
    case .name(let name): !["and", "or", "not", "if", "else", "is", "in", "recursive"].contains(name)
    default: false
    }
  }
}
