extension GrammarGraph {
  /// Makes the graph fit for the automaton: every node derives something, and no rule begins with itself. Returns the
  /// new root.
  /// - Throws: when nothing matches, or for left recursion that has no direct form.
  mutating func finish(root: GrammarNodeID) throws(GrammarError) -> GrammarNodeID {
    if let budget = arena.exhausted { throw GrammarError(.tooLarge, at: "#", budget, "is over its budget") }
    let productive = productiveRules()
    try checkDeadline()
    var pruned: [GrammarNodeID: GrammarNodeID] = [:]
    for rule in bodies.indices {
      setBody(Int32(rule), productive[rule] ? prune(bodies[rule], productive, &pruned) : Self.nothing)
    }
    let root = prune(root, productive, &pruned)
    guard root != Self.nothing else { throw GrammarError(.empty, at: "#", "the grammar", "matches no text") }
    try removeLeftRecursion()
    if let budget = arena.exhausted { throw GrammarError(.tooLarge, at: "#", budget, "is over its budget") }
    return root
  }

  private mutating func checkDeadline() throws(GrammarError) {
    arena.checkDeadline()
    if let budget = arena.exhausted { throw GrammarError(.tooLarge, at: "#", budget, "is over its budget") }
  }

  /// Children before parents, for nodes that are made bottom up.
  private func children(_ node: GrammarNode) -> [GrammarNodeID] {
    switch node {
    case .nothing, .empty, .terminal, .rule: []
    case .sequence(let first, let second): [first, second]
    case .choice(let parts): parts
    case .repetition(let part, _, _): [part]
    }
  }

  /// A least fixed point over rules of a property of nodes. `nodes` is in an order that has children first.
  private func fixedPoint(_ holds: (GrammarNode, (GrammarNodeID) -> Bool) -> Bool) -> (nodes: [Bool], rules: [Bool]) {
    var values = [Bool](repeating: false, count: nodes.count)
    var rules = [Bool](repeating: false, count: bodies.count)
    var changed = true
    // Without time the values are incomplete, and the caller gives up.
    while changed, !arena.isPastDeadline {
      changed = false
      for index in nodes.indices where !values[index] {
        let value: Bool
        if case .rule(let rule) = nodes[index] {
          value = rules[Int(rule)]
        } else {
          value = holds(nodes[index]) { values[Int($0)] }
        }
        if value {
          values[index] = true
          changed = true
        }
      }
      for rule in bodies.indices where !rules[rule] && values[Int(bodies[rule])] {
        rules[rule] = true
        changed = true
      }
    }
    return (values, rules)
  }

  private mutating func productiveRules() -> [Bool] {
    var live = Set<RegularID>()
    for case .terminal(let id) in nodes where arena.isLive(id) { live.insert(id) }
    return fixedPoint { node, value in
      switch node {
      case .nothing, .rule: false
      case .empty: true
      case .terminal(let id): live.contains(id)
      case .sequence(let first, let second): value(first) && value(second)
      case .choice(let parts): parts.contains(where: value)
      case .repetition(let part, let minimum, _): minimum == 0 || value(part)
      }
    }.rules
  }

  /// Nodes that derive the empty text.
  private func nullableNodes() -> [Bool] {
    fixedPoint { node, value in
      switch node {
      case .nothing, .rule: false
      case .empty: true
      case .terminal(let id): arena.nullable[Int(id)]
      case .sequence(let first, let second): value(first) && value(second)
      case .choice(let parts): parts.contains(where: value)
      case .repetition(let part, let minimum, _): minimum == 0 || value(part)
      }
    }.nodes
  }

  private mutating func prune(
    _ id: GrammarNodeID, _ productive: [Bool], _ done: inout [GrammarNodeID: GrammarNodeID]
  ) -> GrammarNodeID {
    // An explicit stack: sequences of a long text are deep.
    var pending = [id]
    while let next = pending.last {
      if done[next] != nil {
        pending.removeLast()
        continue
      }
      let open = children(nodes[Int(next)]).filter { done[$0] == nil }
      if !open.isEmpty {
        pending += open
        continue
      }
      pending.removeLast()
      func result(_ child: GrammarNodeID) -> GrammarNodeID { done[child] ?? Self.nothing }
      switch nodes[Int(next)] {
      case .nothing, .empty: done[next] = next
      case .terminal(let terminal): done[next] = arena.isLive(terminal) ? next : Self.nothing
      case .sequence(let first, let second): done[next] = sequence(result(first), result(second))
      case .choice(let parts): done[next] = choice(parts.map(result))
      case .repetition(let part, let minimum, let maximum):
        done[next] = repetition(result(part), minimum: minimum, maximum: maximum)
      case .rule(let rule): done[next] = productive[Int(rule)] ? next : Self.nothing
      }
    }
    return done[id] ?? Self.nothing
  }

  // MARK: Left recursion

  /// A → A x | y becomes A → y x*. Rules that begin with each other are first written out in one another.
  private mutating func removeLeftRecursion() throws(GrammarError) {
    var rounds = 0
    while let cycle = leftCycle() {
      rounds += 1
      try checkDeadline()
      guard rounds <= bodies.count + 32 else {
        throw GrammarError(.unsupported, at: "rule \(cycle[0])", "left recursion", "is too entangled to remove")
      }
      // Write the other rules of the cycle out in the first one until it begins with itself directly.
      let rule = cycle[0]
      var body = bodies[Int(rule)]
      for other in cycle.dropFirst() { body = try expandHead(body, other, with: bodies[Int(other)]) }
      let nullable = nullableNodes()
      var tails: [GrammarNodeID] = []
      var bases: [GrammarNodeID] = []
      try splitHeads(body, rule, nullable, &tails, &bases)
      let base = choice(bases)
      guard base != Self.nothing else {
        throw GrammarError(.invalid, at: "rule \(rule)", "left recursion", "never ends")
      }
      let tail = choice(tails)
      setBody(rule, sequence(base, repetition(tail, minimum: 0, maximum: nil)))
    }
  }

  /// Rules r0, r1, ... rk where each begins with the next and the last with r0.
  private func leftCycle() -> [Int32]? {
    let nullable = nullableNodes()
    let heads = bodies.map { headRules($0, nullable) }
    var state = [UInt8](repeating: 0, count: bodies.count)
    for start in bodies.indices where state[start] == 0 {
      var path: [(rule: Int32, next: Int)] = [(Int32(start), 0)]
      state[start] = 1
      while let top = path.last {
        let list = heads[Int(top.rule)]
        guard top.next < list.count else {
          state[Int(top.rule)] = 2
          path.removeLast()
          continue
        }
        path[path.count - 1].next += 1
        let target = list[top.next]
        if state[Int(target)] == 1, let first = path.firstIndex(where: { $0.rule == target }) {
          return path[first...].map(\.rule)
        }
        if state[Int(target)] == 0 {
          state[Int(target)] = 1
          path.append((target, 0))
        }
      }
    }
    return nil
  }

  /// Rules that a node can begin with.
  private func headRules(_ id: GrammarNodeID, _ nullable: [Bool]) -> [Int32] {
    var found: [Int32] = []
    var seen = Set<GrammarNodeID>()
    var pending = [id]
    while let next = pending.popLast() {
      guard seen.insert(next).inserted else { continue }
      switch nodes[Int(next)] {
      case .nothing, .empty, .terminal: break
      case .rule(let rule): found.append(rule)
      case .sequence(let first, let second):
        pending.append(first)
        if nullable[Int(first)] { pending.append(second) }
      case .choice(let parts): pending += parts
      case .repetition(let part, _, _): pending.append(part)
      }
    }
    return found
  }

  /// Replaces rule `rule` at the beginning of `id` by `body`.
  private mutating func expandHead(
    _ id: GrammarNodeID, _ rule: Int32, with body: GrammarNodeID
  ) throws(GrammarError) -> GrammarNodeID {
    try checkDeadline()
    switch nodes[Int(id)] {
    case .nothing, .empty, .terminal: return id
    case .rule(let found): return found == rule ? body : id
    case .sequence(let first, let second): return sequence(try expandHead(first, rule, with: body), second)
    case .choice(let parts):
      var list: [GrammarNodeID] = []
      for part in parts { list.append(try expandHead(part, rule, with: body)) }
      return choice(list)
    case .repetition: return id
    }
  }

  /// Sorts the alternatives of `id` into those that begin with `rule` (what follows it) and the others.
  private mutating func splitHeads(
    _ id: GrammarNodeID, _ rule: Int32, _ nullable: [Bool], _ tails: inout [GrammarNodeID],
    _ bases: inout [GrammarNodeID]
  ) throws(GrammarError) {
    try checkDeadline()
    switch nodes[Int(id)] {
    case .rule(rule): break
    case .choice(let parts): for part in parts { try splitHeads(part, rule, nullable, &tails, &bases) }
    case .sequence(let first, let second):
      if case .rule(rule) = nodes[Int(first)] {
        tails.append(second)
      } else if case .choice(let parts) = nodes[Int(first)] {
        for part in parts { try splitHeads(sequence(part, second), rule, nullable, &tails, &bases) }
      } else {
        let known = Int(first) < nullable.count ? nullable[Int(first)] : true
        if known, headRules(second, nullableNodes()).contains(rule) {
          throw GrammarError(
            .unsupported, at: "rule \(rule)", "left recursion", "behind an optional part cannot be removed")
        }
        bases.append(id)
      }
    default: bases.append(id)
    }
  }
}
