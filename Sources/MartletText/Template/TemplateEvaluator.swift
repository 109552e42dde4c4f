/// Runs a template's statements within budgets.
struct TemplateEvaluator {
  /// What ended a run of statements early.
  enum Flow { case normal, breakLoop, continueLoop }

  private static let maxDepth = 400

  let program: TemplateProgram
  var scopes: TemplateScopes
  var runtime: TemplateRuntime
  private var output = ""
  private var depth = 0

  init(program: TemplateProgram, variables: [String: TemplateValue], clock: TemplateClock) {
    self.program = program
    scopes = TemplateScopes(variables)
    runtime = TemplateRuntime(clock: clock, blocks: Set(program.blocks.keys))
  }

  mutating func render() throws(TemplateError) -> String { try text(of: program.body) }

  // MARK: Budgets

  mutating func nested<T>(_ body: (inout TemplateEvaluator) throws(TemplateError) -> T) throws(TemplateError) -> T {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.maxDepth else {
      throw TemplateError("the template is nested deeper than \(Self.maxDepth)", .budgetExceeded)
    }
    return try body(&self)
  }

  /// Runs a part in a scope of its own.
  mutating func scoped<T>(
    inside parent: Int? = nil, _ body: (inout TemplateEvaluator) throws(TemplateError) -> T
  ) throws(TemplateError) -> T {
    let mark = try scopes.enter(inside: parent)
    defer { scopes.leave(mark) }
    return try body(&self)
  }

  mutating func write(_ text: String) throws(TemplateError) {
    output += text
    try runtime.budget.charge(text: text, total: output.utf8.count)
  }

  // MARK: Statements

  /// What statements write.
  mutating func text(of nodes: [TemplateNode]) throws(TemplateError) -> String {
    try captured { evaluator throws(TemplateError) in _ = try evaluator.run(nodes) }
  }

  /// What a part of the run writes.
  mutating func captured(_ body: (inout TemplateEvaluator) throws(TemplateError) -> Void) throws(TemplateError)
    -> String
  {
    let saved = output
    output = ""
    defer { output = saved }
    try body(&self)
    return output
  }

  mutating func run(_ nodes: [TemplateNode]) throws(TemplateError) -> Flow {
    try nested { evaluator throws(TemplateError) in
      for node in nodes {
        do throws(TemplateError) {
          try evaluator.runtime.budget.step()
          let flow = try evaluator.run(node)
          if flow != .normal { return flow }
        } catch { throw error.at(node.place) }
      }
      return .normal
    }
  }

  private mutating func run(_ node: TemplateNode) throws(TemplateError) -> Flow {
    switch node.kind {
    case .text(let text): try write(text)
    case .output(let values):
      for value in values { try write(try runtime.text(of: try evaluate(value))) }
    case .condition(let branches, let otherwise):
      for (test, body) in branches where try evaluate(test).isTrue { return try run(body) }
      return try run(otherwise)
    case .loop(let loop):
      let value = try evaluate(loop.iterable)
      if loop.isRecursive { scopes.pin() }
      try run(loop, over: value, depth: 1, inside: scopes.current)
    case .set(let target, let expression): try bind(target, to: try evaluate(expression))
    case .setBlock(let target, let filters, let body): try bind(target, to: try filtered(filters, body))
    case .macro(let macro):
      scopes.pin()
      scopes.assign(macro.name, .macro(TemplateMacro(definition: macro, scope: scopes.current)))
    case .call(let macro, let callee, let arguments): try call(macro, callee, arguments)
    case .filterBlock(let filters, let body): try write(try runtime.text(of: try filtered(filters, body)))
    case .with(let members, let body): return try run(members, body)
    case .block(let name, let isScoped):
      let body = program.blocks[name] ?? []
      _ = try scoped(inside: isScoped ? nil : TemplateScopes.top) { evaluator throws(TemplateError) in
        try evaluator.run(body)
      }
    case .breakLoop: return .breakLoop
    case .continueLoop: return .continueLoop
    }
    return .normal
  }

  private mutating func run(
    _ members: [(target: TemplateNode.Target, value: TemplateExpression)], _ body: [TemplateNode]
  ) throws(TemplateError) -> Flow {
    var values: [TemplateValue] = []
    for member in members { values.append(try evaluate(member.value)) }
    return try scoped { evaluator throws(TemplateError) in
      for (member, value) in zip(members, values) { try evaluator.bind(member.target, to: value) }
      return try evaluator.run(body)
    }
  }

  private mutating func bind(_ target: TemplateNode.Target, to value: TemplateValue) throws(TemplateError) {
    switch target {
    case .name(let name): scopes.assign(name, value)
    case .member(let name, let attribute):
      guard case .object(let id)? = scopes.value(of: name), case .namespace(var members) = runtime[id] else {
        throw TemplateError("only the attributes of a namespace can be set, and '\(name)' is none")
      }
      // Lets the store's copy go, so that the dictionary is changed in place.
      runtime[id] = .joiner(separator: .none, isUsed: false)
      members[attribute] = value
      runtime[id] = .namespace(members)
    case .several(let targets):
      let items = try runtime.elements(of: value)
      guard items.count == targets.count else {
        throw TemplateError("\(targets.count) values are needed, not \(items.count)")
      }
      for (target, item) in zip(targets, items) { try bind(target, to: item) }
    }
  }

  private mutating func filtered(
    _ filters: [TemplateNode.Filter], _ body: [TemplateNode]
  ) throws(TemplateError) -> TemplateValue {
    var value = TemplateValue.string(
      try scoped { evaluator throws(TemplateError) in try evaluator.text(of: body) })
    for filter in filters {
      value = try filter.filter.apply(to: value, try evaluate(filter.arguments), &runtime)
      try runtime.budget.check(value.extent)
    }
    return value
  }

  // MARK: Loops

  /// - Parameter depth: 1, and more where the loop calls itself.
  mutating func run(
    _ loop: TemplateNode.Loop, over value: TemplateValue, depth: Int, inside scope: Int
  ) throws(TemplateError) {
    let items = try chosen(loop, from: try runtime.elements(of: value), inside: scope)
    var id: TemplateObject.ID?
    if loop.usesLoop {
      let recursion = loop.isRecursive ? (statement: loop, scope: scope) : nil
      id = try runtime.add(.loop(TemplateLoop(items, depth: depth, recursion: recursion)))
    }
    defer { if let id { change(id) { $0.finish() } } }
    // As in jinja2, `else` also runs when no item's body came to its end.
    var isComplete = false
    for item in items {
      try runtime.budget.step()
      if let id { change(id) { $0.advance() } }
      let flow = try scoped(inside: scope) { evaluator throws(TemplateError) in
        if let id { evaluator.scopes.assign("loop", .object(id)) }
        try evaluator.bind(loop.target, to: item)
        return try evaluator.run(loop.body)
      }
      if flow == .breakLoop { break }
      if flow == .normal { isComplete = true }
    }
    guard !isComplete, !loop.otherwise.isEmpty else { return }
    _ = try scoped(inside: scope) { evaluator throws(TemplateError) in try evaluator.run(loop.otherwise) }
  }

  private mutating func change(_ id: TemplateObject.ID, _ body: (inout TemplateLoop) -> Void) {
    guard case .loop(var state) = runtime[id] else { return }
    body(&state)
    runtime[id] = .loop(state)
  }

  private mutating func chosen(
    _ loop: TemplateNode.Loop, from items: [TemplateValue], inside scope: Int
  ) throws(TemplateError) -> [TemplateValue] {
    guard let condition = loop.condition else { return items }
    var kept: [TemplateValue] = []
    for item in items {
      let isChosen = try scoped(inside: scope) { evaluator throws(TemplateError) in
        try evaluator.bind(loop.target, to: item)
        return try evaluator.evaluate(condition).isTrue
      }
      if isChosen { kept.append(item) }
    }
    return kept
  }
}
