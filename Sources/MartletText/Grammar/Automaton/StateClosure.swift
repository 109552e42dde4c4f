/// Finds the threads of a parser state: follows grammar nodes down to regular heads, and frames up behind heads that may
/// be empty. Iterative; every pair of node and stack is looked at once.
struct StateClosure {
  private enum Item {
    case node(GrammarNodeID, Int32)
    case head(RegularID, Int32)
    case pop(Int32)
  }

  private var pending: [Item] = []
  private var seenNodes = Set<UInt64>()
  private var seenPops = Set<Int32>()
  private var threads: [RegularID: Int32] = [:]
  private var accepts = false

  mutating func add(_ node: GrammarNodeID, on frames: Int32) { pending.append(.node(node, frames)) }
  mutating func add(head: RegularID, on frames: Int32) { pending.append(.head(head, frames)) }
  mutating func pop(_ frames: Int32) { pending.append(.pop(frames)) }

  mutating func finish(
    _ graph: inout GrammarGraph, _ frames: inout FrameSets, _ splits: inout [RegularID: Bool], _ trie: TokenTrie,
    limit: Int
  ) -> ParserState {
    while let item = pending.popLast() {
      switch item {
      case .node(let node, let set): visit(node, set, &graph, &frames)
      case .head(let head, let set): visit(head: head, set, &graph, &frames, &splits, trie)
      case .pop(let set):
        guard seenPops.insert(set).inserted else { continue }
        for frame in frames.sets[Int(set)] {
          if frame.node < 0 { accepts = true } else { pending.append(.node(frame.node, frame.below)) }
        }
      }
      if seenNodes.count > limit * 16 || threads.count > limit { graph.arena.exhaust("the number of parser threads") }
      if graph.arena.exhausted != nil { return .dead }
    }
    let sorted = threads.map { ParserState.Thread(head: $0.key, frames: $0.value) }.sorted { $0.head < $1.head }
    return ParserState(threads: sorted, accepts: accepts)
  }

  private mutating func visit(
    _ node: GrammarNodeID, _ set: Int32, _ graph: inout GrammarGraph, _ frames: inout FrameSets
  ) {
    if case .terminal(let head) = graph.nodes[Int(node)] {
      pending.append(.head(head, set))
      return
    }
    guard seenNodes.insert(UInt64(UInt32(bitPattern: node)) << 32 | UInt64(UInt32(bitPattern: set))).inserted else {
      return
    }
    switch graph.nodes[Int(node)] {
    case .nothing: break
    case .empty: pending.append(.pop(set))
    case .terminal: break
    case .sequence(let first, let rest): pending.append(.node(first, frames.push(rest, on: set)))
    case .choice(let parts): for part in parts { pending.append(.node(part, set)) }
    case .rule(let rule): pending.append(.node(graph.bodies[Int(rule)], set))
    case .repetition(let part, let minimum, let maximum):
      if minimum == 0 { pending.append(.pop(set)) }
      let rest = graph.repetition(
        part, minimum: max(0, minimum - 1), maximum: maximum == Int32.max ? nil : maximum - 1)
      pending.append(.node(part, frames.push(rest, on: set)))
    }
  }

  private mutating func visit(
    head: RegularID, _ set: Int32, _ graph: inout GrammarGraph, _ frames: inout FrameSets,
    _ splits: inout [RegularID: Bool], _ trie: TokenTrie
  ) {
    guard graph.arena.isLive(head) else { return }
    if head == RegularArena.empty {
      pending.append(.pop(set))
      return
    }
    switch graph.arena.nodes[Int(head)] {
    case .sequence(let first, let rest):
      if Self.isLoop(first, &graph.arena, &splits, trie) {
        pending.append(.head(first, frames.push(graph.terminal(rest), on: set)))
        return
      }
    case .choice(let parts):
      var isSplit = false
      for case .sequence(let first, _) in parts.map({ graph.arena.nodes[Int($0)] }) where !isSplit {
        isSplit = Self.isLoop(first, &graph.arena, &splits, trie)
      }
      if isSplit {
        for part in parts { pending.append(.head(part, set)) }
        return
      }
    default: break
    }
    if graph.arena.nullable[Int(head)] { pending.append(.pop(set)) }
    if let other = threads[head] {
      threads[head] = frames.union(other, set)
    } else {
      threads[head] = set
    }
  }

  /// Whether an expression is a thread of its own, so that what it looks like to the vocabulary is shared by all
  /// followers: a loop that goes on with a good part of the vocabulary.
  private static func isLoop(
    _ id: RegularID, _ arena: inout RegularArena, _ splits: inout [RegularID: Bool], _ trie: TokenTrie
  ) -> Bool {
    switch arena.nodes[Int(id)] {
    case .repetition, .all, .not, .table: break
    default: return false
    }
    if let known = splits[id] { return known }
    let result = trie.isDense(id, &arena)
    splits[id] = result
    return result
  }
}

extension TokenTrie {
  /// Whether tokens that begin like the expression's texts are more than a sixteenth of the trie.
  func isDense(_ id: RegularID, _ arena: inout RegularArena) -> Bool {
    var weight = 0
    for byte in UInt8.min...UInt8.max where weights[Int(byte)] > 0 {
      if arena.step(id, byte) != RegularArena.nothing { weight += Int(weights[Int(byte)]) }
    }
    return weight * 16 > nodes.count
  }
}
