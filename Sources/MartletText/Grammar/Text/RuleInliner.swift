/// Turns rules that are not recursive into regular expressions where they are small, so that characters that a grammar
/// writes as rules of their own become one automaton.
enum RuleInliner {
  private static let maxSize = 2_000

  static func inline(_ graph: inout GrammarGraph) throws(GrammarError) {
    var regular: [Int32: RegularID] = [:]
    var visiting: Set<Int32> = []
    var failed: Set<Int32> = []
    for rule in graph.bodies.indices {
      var size = 0
      _ = regularRule(Int32(rule), &graph, &regular, &visiting, &failed, depth: 0, &size)
    }
    for (rule, expression) in regular { graph.setBody(rule, graph.terminal(expression)) }
  }

  private static func regularRule(
    _ rule: Int32, _ graph: inout GrammarGraph, _ regular: inout [Int32: RegularID], _ visiting: inout Set<Int32>,
    _ failed: inout Set<Int32>, depth: Int, _ size: inout Int
  ) -> RegularID? {
    if let known = regular[rule] { return known }
    guard !failed.contains(rule), depth < 64, visiting.insert(rule).inserted else { return nil }
    defer { visiting.remove(rule) }
    let result = expression(graph.bodies[Int(rule)], &graph, &regular, &visiting, &failed, depth: depth + 1, &size)
    if let result { regular[rule] = result } else { failed.insert(rule) }
    return result
  }

  private static func expression(
    _ node: GrammarNodeID, _ graph: inout GrammarGraph, _ regular: inout [Int32: RegularID],
    _ visiting: inout Set<Int32>, _ failed: inout Set<Int32>, depth: Int, _ size: inout Int
  ) -> RegularID? {
    size += 1
    guard size <= maxSize, depth < 192 else { return nil }
    switch graph.nodes[Int(node)] {
    case .nothing: return RegularArena.nothing
    case .empty: return RegularArena.empty
    case .terminal(let id): return id
    case .rule(let rule):
      return regularRule(rule, &graph, &regular, &visiting, &failed, depth: depth + 1, &size)
    case .sequence(let first, let second):
      guard let left = expression(first, &graph, &regular, &visiting, &failed, depth: depth + 1, &size),
        let right = expression(second, &graph, &regular, &visiting, &failed, depth: depth + 1, &size)
      else { return nil }
      return graph.arena.sequence(left, right)
    case .choice(let parts):
      var results: [RegularID] = []
      for part in parts {
        guard let result = expression(part, &graph, &regular, &visiting, &failed, depth: depth + 1, &size) else {
          return nil
        }
        results.append(result)
      }
      return graph.arena.choice(results)
    case .repetition(let part, let minimum, let maximum):
      guard let inner = expression(part, &graph, &regular, &visiting, &failed, depth: depth + 1, &size) else {
        return nil
      }
      return graph.arena.repetition(inner, minimum: minimum, maximum: maximum == Int32.max ? nil : maximum)
    }
  }
}
