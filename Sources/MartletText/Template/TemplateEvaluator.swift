/// Runs a template's statements within budgets.
struct TemplateEvaluator {
  /// What ended a run of statements early.
  enum Flow { case normal, breakLoop, continueLoop }

  static let maxSteps = 5_000_000
  static let maxOutputBytes = 32 << 20
  static let maxDepth = 100
  static let maxItems = 1_000_000
  static let maxValueDepth = 500

  private static let functions: Set<String> = [
    "range", "namespace", "raise_exception", "strftime_now", "dict", "joiner", "cycler",
  ]

  var scopes: [[String: TemplateValue]]
  let clock: TemplateClock
  /// All namespaces of this run, to take them apart one by one: a chain of them would be freed by deep recursion.
  var namespaces: [TemplateNamespace] = []
  private var output = ""
  private var steps = 0
  private var depth = 0
  private var line = 1
  private var column = 1

  init(variables: [String: TemplateValue], clock: TemplateClock) {
    scopes = [variables]
    self.clock = clock
  }

  // MARK: Errors and budgets

  func error(_ message: String, _ kind: TemplateError.Kind = .evaluation) -> TemplateError {
    TemplateError(kind: kind, message: message, line: line, column: column)
  }

  mutating func step(_ expression: TemplateExpression? = nil) throws(TemplateError) {
    if let expression {
      line = expression.line
      column = expression.column
    }
    steps += 1
    guard steps <= Self.maxSteps else { throw error("more than \(Self.maxSteps) steps", .budgetExceeded) }
  }

  mutating func nested<T>(_ body: (inout TemplateEvaluator) throws(TemplateError) -> T) throws(TemplateError) -> T {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.maxDepth else { throw error("nesting is deeper than \(Self.maxDepth)", .budgetExceeded) }
    return try body(&self)
  }

  mutating func charge(bytes: Int) throws(TemplateError) {
    guard bytes <= Self.maxOutputBytes else { throw error("the text is larger than the budget", .budgetExceeded) }
    steps += bytes / 64
    guard steps <= Self.maxSteps else {
      throw error("the text is larger than the budget", .budgetExceeded)
    }
  }

  // MARK: Variables

  func lookUp(_ name: String) -> TemplateValue {
    for scope in scopes.reversed() { if let value = scope[name] { return value } }
    return Self.functions.contains(name) ? .function(name) : .undefined(name)
  }

  mutating func assign(_ name: String, _ value: TemplateValue) { scopes[scopes.count - 1][name] = value }

  // MARK: Statements

  mutating func render(_ nodes: [TemplateNode]) throws(TemplateError) -> String {
    let saved = output
    output = ""
    _ = try run(nodes)
    let result = output
    output = saved
    return result
  }

  private mutating func run(_ nodes: [TemplateNode]) throws(TemplateError) -> Flow {
    for node in nodes {
      try step()
      let flow = try run(node)
      if flow != .normal { return flow }
    }
    return .normal
  }

  private mutating func write(_ text: String) throws(TemplateError) {
    output += text
    guard output.utf8.count <= Self.maxOutputBytes else {
      throw error("the output is larger than \(Self.maxOutputBytes) bytes", .budgetExceeded)
    }
  }

  private mutating func run(_ node: TemplateNode) throws(TemplateError) -> Flow {
    switch node {
    case .text(let text): try write(text)
    case .output(let expression): try write(try evaluate(expression).text)
    case .condition(let branches, let otherwise):
      for (test, body) in branches where try evaluate(test).isTrue { return try run(body) }
      return try run(otherwise)
    case .loop(let loop): try run(loop)
    case .set(.names(let names), let expression): try bind(names, to: try evaluate(expression))
    case .set(.attribute(let object, let name), let expression):
      guard case .namespace(let namespace) = lookUp(object) else {
        throw error("only a namespace's attributes can be set")
      }
      namespace[name] = try evaluate(expression)
    case .setBlock(let name, let filters, let body, _): assign(name, try filtered(try render(body), filters))
    case .macro(let macro): assign(macro.name, .macro(TemplateMacro(definition: macro, scope: visible)))
    case .call(let caller, let callee): try call(caller, callee)
    case .filterBlock(let filters, let body, _): try write(try filtered(try render(body), filters).text)
    case .group(let body): return try run(body)
    case .breakLoop: return .breakLoop
    case .continueLoop: return .continueLoop
    }
    return .normal
  }

  /// All variables in sight, inner ones first.
  private var visible: [String: TemplateValue] {
    scopes.dropFirst().reduce(into: scopes[0]) { $0.merge($1) { _, inner in inner } }
  }

  private mutating func bind(_ names: [String], to value: TemplateValue) throws(TemplateError) {
    guard names.count > 1 else { return assign(names[0], value) }
    guard let items = value.elements, items.count == names.count else {
      throw error("\(names.count) values are needed for \(names.joined(separator: ", "))")
    }
    for (name, item) in zip(names, items) { assign(name, item) }
  }

  private mutating func filtered(
    _ text: String, _ filters: [(String, TemplateExpression.Arguments)]
  ) throws(TemplateError) -> TemplateValue {
    var value = TemplateValue.string(text)
    for (name, arguments) in filters { value = try apply(filter: name, to: value, try evaluate(arguments)) }
    return value
  }

  private mutating func call(_ caller: TemplateNode.Macro, _ callee: TemplateExpression) throws(TemplateError) {
    guard case .call(let target, let arguments) = callee.kind, case .macro(let macro) = try evaluate(target) else {
      throw error("'call' needs a macro")
    }
    let value = TemplateValue.macro(TemplateMacro(definition: caller, scope: visible))
    try write(try run(macro, try evaluate(arguments), caller: value))
  }

  mutating func run(
    _ macro: TemplateMacro, _ arguments: TemplateArguments, caller: TemplateValue? = nil
  ) throws(TemplateError) -> String {
    let definition = macro.definition
    guard arguments.positional.count <= definition.parameters.count else {
      throw error("the macro \(definition.name) takes \(definition.parameters.count) arguments")
    }
    return try nested { evaluator throws(TemplateError) in
      let saved = evaluator.scopes
      defer { evaluator.scopes = saved }
      // A macro sees the template's top-level variables as they are now, and itself.
      evaluator.scopes = [macro.scope.merging(saved[0]) { _, top in top }, [:]]
      for (index, parameter) in definition.parameters.enumerated() {
        if index < arguments.positional.count {
          evaluator.assign(parameter.name, arguments.positional[index])
        } else if let named = arguments.named[parameter.name] {
          evaluator.assign(parameter.name, named)
        } else if let value = parameter.value {
          evaluator.assign(parameter.name, try evaluator.evaluate(value))
        } else {
          evaluator.assign(parameter.name, .undefined(parameter.name))
        }
      }
      if let caller { evaluator.assign("caller", caller) }
      return try evaluator.render(definition.body)
    }
  }

  private mutating func run(_ loop: TemplateNode.Loop) throws(TemplateError) {
    let value = try evaluate(loop.iterable)
    guard var items = value.elements else { throw error("\(value.representation) is not iterable") }
    scopes.append([:])
    defer { scopes.removeLast() }
    if let condition = loop.condition {
      var kept: [TemplateValue] = []
      for item in items {
        try bind(loop.targets, to: item)
        if try evaluate(condition).isTrue { kept.append(item) }
      }
      items = kept
    }
    if items.isEmpty {
      _ = try run(loop.otherwise)
      return
    }
    for (index, item) in items.enumerated() {
      try step()
      scopes[scopes.count - 1] = [:]
      try bind(loop.targets, to: item)
      assign("loop", .dictionary(Self.state(items, index)))
      let flow = try nested { evaluator throws(TemplateError) in try evaluator.run(loop.body) }
      if flow == .breakLoop { break }
    }
  }

  private static func state(_ items: [TemplateValue], _ index: Int) -> TemplateDictionary {
    var state = TemplateDictionary()
    state["index"] = .int(Int64(index + 1))
    state["index0"] = .int(Int64(index))
    state["revindex"] = .int(Int64(items.count - index))
    state["revindex0"] = .int(Int64(items.count - index - 1))
    state["first"] = .bool(index == 0)
    state["last"] = .bool(index == items.count - 1)
    state["length"] = .int(Int64(items.count))
    state["previtem"] = index > 0 ? items[index - 1] : .undefined("previtem")
    state["nextitem"] = index + 1 < items.count ? items[index + 1] : .undefined("nextitem")
    return state
  }
}
