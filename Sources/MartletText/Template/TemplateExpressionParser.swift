/// Builds expressions from tokens: operators by their precedence, with a bound on nesting.
struct TemplateExpressionParser {
  var cursor: TemplateCursor
  /// How often some names have been read so far; a macro asks whether its body mentions them.
  private(set) var mentions: [String: Int] = [:]
  /// Inside `if`, a filter that does not exist is a fault only where it is reached, as jinja2 has it.
  var isConditional = false
  /// Filters and tests that do not exist, in places that are always compiled.
  private(set) var unknowns: [TemplateError] = []
  private var nesting = 0

  private static let maxDepth = 200
  private static let counted: Set<String> = ["loop", "caller", "kwargs", "varargs"]

  init(_ cursor: TemplateCursor) { self.cursor = cursor }

  private func make(
    _ kind: TemplateExpression.Kind, _ place: TemplatePlace, _ children: [TemplateExpression] = []
  ) throws(TemplateError) -> TemplateExpression {
    let depth = (children.map(\.depth).max() ?? 0) + 1
    guard depth <= Self.maxDepth else { throw tooDeep }
    return TemplateExpression(kind: kind, place: place, depth: depth)
  }

  private var tooDeep: TemplateError { cursor.error("expressions are nested deeper than \(Self.maxDepth)") }

  // MARK: Tuples and conditions

  /// One expression, or several with commas between as a tuple.
  mutating func tuple(
    allowsCondition: Bool = true, until stopper: String? = nil, mayBeEmpty: Bool = false
  ) throws(TemplateError) -> TemplateExpression {
    let place = cursor.current.place
    var items: [TemplateExpression] = []
    var isTuple = false
    repeat {
      if endsTuple(stopper) { break }
      items.append(try allowsCondition ? expression() : operation())
      if cursor.isAt(symbol: ",") { isTuple = true }
    } while cursor.accept(symbol: ",")
    if !isTuple, let only = items.first { return only }
    guard isTuple || mayBeEmpty else { throw cursor.error("an expression is expected, not \(cursor.current.name)") }
    return try make(.tuple(items), place, items)
  }

  private func endsTuple(_ stopper: String?) -> Bool {
    switch cursor.current.kind {
    case .expressionEnd, .statementEnd, .symbol(")"): true
    case .name(let name): name == stopper
    default: false
    }
  }

  mutating func expression() throws(TemplateError) -> TemplateExpression {
    nesting += 1
    defer { nesting -= 1 }
    guard nesting <= Self.maxDepth else { throw tooDeep }
    let place = cursor.current.place, known = unknowns.count
    var value = try operation()
    while cursor.accept(name: "if") {
      let condition = try operation()
      let otherwise = cursor.accept(name: "else") ? try expression() : nil
      unknowns.removeLast(unknowns.count - known)
      value = try make(
        .conditional(value, condition: condition, otherwise: otherwise), place,
        [value, condition] + [otherwise].compactMap { $0 })
    }
    return value
  }

  // MARK: Operators

  /// Precedences: 0 or, 1 and, 2 not, 3 comparisons, 4 sums, 5 `~`, 6 products, 7 powers. All associate to the left.
  private mutating func operation(_ lowest: Int = 0) throws(TemplateError) -> TemplateExpression {
    nesting += 1
    defer { nesting -= 1 }
    guard nesting <= Self.maxDepth else { throw tooDeep }
    let place = cursor.current.place
    var left: TemplateExpression
    if lowest <= 2, cursor.accept(name: "not") {
      let value = try operation(2)
      left = try make(.not(value), place, [value])
    } else {
      left = try unary()
    }
    while let precedence, precedence >= lowest {
      switch precedence {
      case 3: left = try comparison(left, place)
      case 5: left = try concatenation(left, place)
      default: left = try binary(left, precedence, place)
      }
    }
    return left
  }

  private var precedence: Int? {
    switch cursor.current.kind {
    case .name("or"): 0
    case .name("and"): 1
    case .name("in"): 3
    case .name("not"): cursor.next.kind == .name("in") ? 3 : nil
    case .symbol(let symbol):
      switch TemplateOperator(rawValue: symbol) {
      case .add, .subtract: 4
      case .multiply, .divide, .floorDivide, .remainder: 6
      case .power: 7
      case nil: symbol == "~" ? 5 : TemplateComparison(rawValue: symbol) == nil ? nil : 3
      }
    default: nil
    }
  }

  private mutating func binary(
    _ left: TemplateExpression, _ precedence: Int, _ place: TemplatePlace
  ) throws(TemplateError) -> TemplateExpression {
    let token = cursor.current
    cursor.advance()
    let right = try operation(precedence + 1)
    guard case .symbol(let symbol) = token.kind, let operation = TemplateOperator(rawValue: symbol) else {
      return try make(precedence == 0 ? .either(left, right) : .both(left, right), place, [left, right])
    }
    return try make(.binary(operation, left, right), token.place, [left, right])
  }

  private mutating func concatenation(
    _ first: TemplateExpression, _ place: TemplatePlace
  ) throws(TemplateError) -> TemplateExpression {
    var parts = [first]
    while cursor.accept(symbol: "~") { parts.append(try operation(6)) }
    return try make(.concatenation(parts), place, parts)
  }

  private mutating func comparison(
    _ first: TemplateExpression, _ place: TemplatePlace
  ) throws(TemplateError) -> TemplateExpression {
    var links: [(comparison: TemplateComparison, value: TemplateExpression)] = []
    while precedence == 3 {
      let comparison: TemplateComparison
      if cursor.accept(name: "not") {
        comparison = .isNotIn
      } else if case .symbol(let symbol) = cursor.current.kind {
        comparison = TemplateComparison(rawValue: symbol) ?? .equal
      } else {
        comparison = .isIn
      }
      cursor.advance()
      links.append((comparison, try operation(4)))
    }
    return try make(.compare(first, links), place, [first] + links.map(\.value))
  }

  /// A sign binds closer than filters.
  private mutating func unary(takesFilters: Bool = true) throws(TemplateError) -> TemplateExpression {
    nesting += 1
    defer { nesting -= 1 }
    guard nesting <= Self.maxDepth else { throw tooDeep }
    let place = cursor.current.place
    var value: TemplateExpression
    if cursor.isAt(symbol: "-") || cursor.isAt(symbol: "+") {
      let isNegative = cursor.accept(symbol: "-")
      if !isNegative { cursor.advance() }
      let operand = try unary(takesFilters: false)
      value = try make(.signed(operand, isNegative: isNegative), place, [operand])
    } else {
      value = try primary()
    }
    value = try postfix(value)
    return takesFilters ? try filtered(value) : value
  }

  // MARK: Operands

  mutating func primary() throws(TemplateError) -> TemplateExpression {
    let start = cursor.current
    cursor.advance()
    switch start.kind {
    case .name(let name):
      switch name {
      case "true", "True": return try make(.literal(.bool(true)), start.place)
      case "false", "False": return try make(.literal(.bool(false)), start.place)
      case "none", "None": return try make(.literal(.none), start.place)
      default:
        if Self.counted.contains(name) { mentions[name, default: 0] += 1 }
        return try make(.name(name), start.place)
      }
    case .string(var text):
      while case .string(let more) = cursor.current.kind {
        text += more
        cursor.advance()
      }
      return try make(.literal(.string(text)), start.place)
    case .int(let value): return try make(.literal(.int(value)), start.place)
    case .double(let value): return try make(.literal(.double(value)), start.place)
    case .symbol("("):
      let inner = try tuple(mayBeEmpty: true)
      try cursor.expect(symbol: ")")
      return inner
    case .symbol("["):
      let items = try list(until: "]") { parser throws(TemplateError) in try parser.expression() }
      return try make(.list(items), start.place, items)
    case .symbol("{"): return try dictionary(start.place)
    default: throw TemplateError("an expression is expected, not \(start.name)", .syntax).at(start.place)
    }
  }

  /// Items with commas between, and perhaps one at the end.
  private mutating func list<Item>(
    until closer: String, _ item: (inout TemplateExpressionParser) throws(TemplateError) -> Item
  ) throws(TemplateError) -> [Item] {
    var items: [Item] = []
    while !cursor.accept(symbol: closer) {
      if !items.isEmpty {
        try cursor.expect(symbol: ",")
        if cursor.accept(symbol: closer) { break }
      }
      items.append(try item(&self))
    }
    return items
  }

  private mutating func dictionary(_ place: TemplatePlace) throws(TemplateError) -> TemplateExpression {
    let members: [(key: TemplateExpression, value: TemplateExpression)] = try list(until: "}") {
      parser throws(TemplateError) in
      let key = try parser.expression()
      try parser.cursor.expect(symbol: ":")
      return (key, try parser.expression())
    }
    return try make(.dictionary(members), place, members.flatMap { [$0.key, $0.value] })
  }

  private mutating func postfix(_ base: TemplateExpression) throws(TemplateError) -> TemplateExpression {
    var value = base
    while true {
      let place = cursor.current.place
      if cursor.accept(symbol: ".") {
        value = try member(of: value, place)
      } else if cursor.accept(symbol: "[") {
        value = try subscripted(value, place)
      } else if cursor.isAt(symbol: "(") {
        value = try call(value)
      } else {
        return value
      }
    }
  }

  private mutating func call(_ callee: TemplateExpression) throws(TemplateError) -> TemplateExpression {
    let arguments = try arguments()
    return try make(.call(callee, arguments), callee.place, [callee] + arguments.all)
  }

  private mutating func member(
    of value: TemplateExpression, _ place: TemplatePlace
  ) throws(TemplateError) -> TemplateExpression {
    if case .int(let index) = cursor.current.kind {
      let key = try make(.literal(.int(index)), cursor.current.place)
      cursor.advance()
      return try make(.subscripted(value, key), place, [value, key])
    }
    return try make(.attribute(value, try cursor.expectName()), place, [value])
  }

  private mutating func subscripted(
    _ value: TemplateExpression, _ place: TemplatePlace
  ) throws(TemplateError) -> TemplateExpression {
    var parts: [TemplateExpression?] = []
    var hasSlice = false
    var keys: [TemplateExpression] = []
    repeat {
      if cursor.isAt(symbol: "]") { break }
      parts = [try subscriptPart()]
      while parts.count < 3, cursor.accept(symbol: ":") { parts.append(try subscriptPart()) }
      if parts.count > 1 { hasSlice = true }
      if let key = parts[0] { keys.append(key) } else { keys.append(try make(.literal(.none), place)) }
    } while cursor.accept(symbol: ",")
    try cursor.expect(symbol: "]")
    if hasSlice, keys.count == 1 {
      return try make(
        .slice(value, lower: parts[0], upper: parts[1], step: parts.count > 2 ? parts[2] : nil), place,
        [value] + parts.compactMap { $0 })
    }
    guard !keys.isEmpty else { throw cursor.error("an index is expected") }
    let key = keys.count == 1 ? keys[0] : try make(.tuple(keys), place, keys)
    return try make(.subscripted(value, key), place, [value, key])
  }

  private mutating func subscriptPart() throws(TemplateError) -> TemplateExpression? {
    for symbol in [":", "]", ","] where cursor.isAt(symbol: symbol) { return nil }
    return try expression()
  }

  mutating func arguments() throws(TemplateError) -> TemplateExpression.Arguments {
    try cursor.expect(symbol: "(")
    var arguments = TemplateExpression.Arguments()
    var isFirst = true
    while !cursor.accept(symbol: ")") {
      if !isFirst {
        try cursor.expect(symbol: ",")
        if cursor.accept(symbol: ")") { break }
      }
      isFirst = false
      try argument(&arguments)
    }
    return arguments
  }

  private mutating func argument(_ arguments: inout TemplateExpression.Arguments) throws(TemplateError) {
    let mayBePositional = arguments.morePositional == nil && arguments.moreNamed == nil
    let place = cursor.current.place
    if mayBePositional, cursor.accept(symbol: "*") {
      arguments.morePositional = try expression()
    } else if arguments.moreNamed == nil, cursor.accept(symbol: "**") {
      arguments.moreNamed = try expression()
    } else if arguments.moreNamed == nil, case .name(let name) = cursor.current.kind, cursor.next.kind == .symbol("=") {
      guard !arguments.named.contains(where: { $0.name == name }) else {
        throw cursor.error("the argument '\(name)' is given twice")
      }
      cursor.advance()
      cursor.advance()
      arguments.named.append((name, try expression()))
    } else if mayBePositional, arguments.named.isEmpty {
      arguments.positional.append(try expression())
    } else {
      throw TemplateError("an argument is in the wrong order", .syntax).at(place)
    }
  }

  // MARK: Filters and tests

  private mutating func filtered(_ base: TemplateExpression) throws(TemplateError) -> TemplateExpression {
    var value = base
    while true {
      if cursor.accept(symbol: "|") {
        value = try filter(value)
      } else if cursor.accept(name: "is") {
        value = try test(value)
      } else if cursor.isAt(symbol: "(") {
        value = try call(value)
      } else {
        return value
      }
    }
  }

  private mutating func filter(_ value: TemplateExpression) throws(TemplateError) -> TemplateExpression {
    let place = cursor.current.place
    let (name, arguments) = try filterCall()
    guard let filter = TemplateFilter(named: name) else {
      return try unknown(TemplateFilter.refusal(of: name), place, [value] + arguments.all)
    }
    return try make(.filter(value, filter, arguments), place, [value] + arguments.all)
  }

  /// A filter's name and its arguments.
  mutating func filterCall() throws(TemplateError) -> (name: String, arguments: TemplateExpression.Arguments) {
    let name = try dottedName()
    return (name, cursor.isAt(symbol: "(") ? try arguments() : TemplateExpression.Arguments())
  }

  private mutating func dottedName() throws(TemplateError) -> String {
    var name = try cursor.expectName()
    while cursor.accept(symbol: ".") { name += "." + (try cursor.expectName()) }
    return name
  }

  private mutating func unknown(
    _ message: String, _ place: TemplatePlace, _ children: [TemplateExpression]
  ) throws(TemplateError) -> TemplateExpression {
    if !isConditional { unknowns.append(TemplateError(message, .syntax).at(place)) }
    return try make(.fault(message), place, children)
  }

  private mutating func test(_ value: TemplateExpression) throws(TemplateError) -> TemplateExpression {
    let place = cursor.current.place, isNegated = cursor.accept(name: "not"), name = try dottedName()
    var arguments = TemplateExpression.Arguments()
    if cursor.isAt(symbol: "(") {
      arguments = try self.arguments()
    } else if startsTestArgument {
      guard !cursor.isAt(name: "is") else { throw cursor.error("tests cannot be chained with 'is'") }
      arguments.positional = [try postfix(try primary())]
    }
    let children = [value] + arguments.all
    guard let test = TemplateTest(named: name) else {
      return try unknown("there is no test '\(name)'", place, children)
    }
    let result = try make(.test(value, test, arguments), place, children)
    return isNegated ? try make(.not(result), place, [result]) : result
  }

  /// A test's single argument may follow without parentheses.
  private var startsTestArgument: Bool {
    switch cursor.current.kind {
    case .string, .int, .double: true
    case .symbol(let symbol): symbol == "[" || symbol == "{"
    case .name(let name): !["and", "or", "else"].contains(name)
    default: false
    }
  }
}
