/// A node of a `GrammarGraph`.
typealias GrammarNodeID = Int32

/// A context-free language whose terminals are regular expressions.
enum GrammarNode: Hashable, Sendable {
  case nothing
  case empty
  case terminal(RegularID)
  case sequence(GrammarNodeID, GrammarNodeID)
  case choice([GrammarNodeID])
  /// `maximum` is `Int32.max` when there is none.
  case repetition(GrammarNodeID, minimum: Int32, maximum: Int32)
  /// A rule, so that nodes can be recursive.
  case rule(Int32)
}

/// The one form that every front end compiles to. Nodes are hash-consed; rules get their bodies when they are known.
struct GrammarGraph: Sendable {
  static let nothing: GrammarNodeID = 0
  static let empty: GrammarNodeID = 1

  var arena: RegularArena
  let lexemes: JSONLexemes
  private(set) var nodes: [GrammarNode] = []
  private var ids: [GrammarNode: GrammarNodeID] = [:]
  /// Bodies by rule; `nothing` while a body is open.
  private(set) var bodies: [GrammarNodeID] = []

  init(arena: RegularArena, lexemes: JSONLexemes) {
    self.arena = arena
    self.lexemes = lexemes
    _ = intern(.nothing)
    _ = intern(.empty)
  }

  mutating func intern(_ node: GrammarNode) -> GrammarNodeID {
    if let known = ids[node] { return known }
    guard nodes.count < arena.maxNodes else {
      arena.exhaust("the number of grammar nodes")
      return Self.nothing
    }
    let id = GrammarNodeID(nodes.count)
    nodes.append(node)
    ids[node] = id
    return id
  }

  mutating func terminal(_ id: RegularID) -> GrammarNodeID {
    switch id {
    case RegularArena.nothing: Self.nothing
    case RegularArena.empty: Self.empty
    default: intern(.terminal(id))
    }
  }

  mutating func sequence(_ first: GrammarNodeID, _ second: GrammarNodeID) -> GrammarNodeID {
    if first == Self.nothing || second == Self.nothing { return Self.nothing }
    if first == Self.empty { return second }
    if second == Self.empty { return first }
    if case .sequence(let head, let tail) = nodes[Int(first)] { return sequence(head, sequence(tail, second)) }
    if case .terminal(let left) = nodes[Int(first)] {
      if case .terminal(let right) = nodes[Int(second)] { return terminal(arena.sequence(left, right)) }
      if case .sequence(let next, let rest) = nodes[Int(second)], case .terminal(let right) = nodes[Int(next)] {
        return intern(.sequence(terminal(arena.sequence(left, right)), rest))
      }
    }
    return intern(.sequence(first, second))
  }

  mutating func sequence(_ parts: [GrammarNodeID]) -> GrammarNodeID {
    parts.reversed().reduce(Self.empty) { sequence($1, $0) }
  }

  mutating func choice(_ parts: [GrammarNodeID]) -> GrammarNodeID {
    var list: [GrammarNodeID] = []
    for part in parts where part != Self.nothing {
      if case .choice(let inner) = nodes[Int(part)] { list += inner } else { list.append(part) }
    }
    var seen = Set<GrammarNodeID>()
    list = list.filter { seen.insert($0).inserted }
    return list.count > 1 ? intern(.choice(list)) : list.first ?? Self.nothing
  }

  mutating func optional(_ part: GrammarNodeID) -> GrammarNodeID { choice([part, Self.empty]) }

  /// - Parameter maximum: nil for no limit.
  mutating func repetition(_ part: GrammarNodeID, minimum: Int32, maximum: Int32?) -> GrammarNodeID {
    let maximum = maximum ?? Int32.max
    if maximum == 0 || part == Self.empty { return Self.empty }
    if part == Self.nothing { return minimum == 0 ? Self.empty : Self.nothing }
    if minimum == 1, maximum == 1 { return part }
    return intern(.repetition(part, minimum: minimum, maximum: maximum))
  }

  mutating func newRule() -> Int32 {
    bodies.append(Self.nothing)
    return Int32(bodies.count - 1)
  }

  mutating func setBody(_ rule: Int32, _ node: GrammarNodeID) { bodies[Int(rule)] = node }
}
