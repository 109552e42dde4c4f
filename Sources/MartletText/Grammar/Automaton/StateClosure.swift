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
  /// Further stacks of a head, joined once at the end: one by one would cost the square of their number.
  private var furtherStacks: [RegularID: [Int32]] = [:]
  private var accepts = false

  mutating func add(_ node: GrammarNodeID, on frames: Int32) { pending.append(.node(node, frames)) }
  mutating func add(head: RegularID, on frames: Int32) { pending.append(.head(head, frames)) }
  mutating func pop(_ frames: Int32) { pending.append(.pop(frames)) }

  mutating func finish(
    _ graph: inout GrammarGraph, _ frames: inout FrameSets, _ splits: inout [RegularID: Bool], _ trie: TokenTrie,
    limit: Int
  ) -> ParserState {
    var looked = 0
    while let item = pending.popLast() {
      looked += 1
      if looked & 1023 == 0 { graph.arena.checkDeadline() }
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
    for (head, stacks) in furtherStacks { threads[head] = frames.union(stacks) }
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
      if Self.beginsWithLoop(head, first, rest, &graph.arena, &splits, trie) {
        pending.append(.head(first, frames.push(graph.terminal(rest), on: set)))
        return
      }
    case .choice(let parts):
      var isSplit = false
      for part in parts where !isSplit {
        guard case .sequence(let first, let rest) = graph.arena.nodes[Int(part)] else { continue }
        isSplit = Self.beginsWithLoop(part, first, rest, &graph.arena, &splits, trie)
      }
      if isSplit {
        for part in parts { pending.append(.head(part, set)) }
        return
      }
    default: break
    }
    if graph.arena.nullable[Int(head)] { pending.append(.pop(set)) }
    if let other = threads[head] {
      if other != set { furtherStacks[head, default: [other]].append(set) }
    } else {
      threads[head] = set
    }
  }

  /// Whether an expression that matches something is one thread as it stands: it is not empty, nothing behind it can come
  /// at once, and it is not split.
  static func isThread(
    _ head: RegularID, _ arena: inout RegularArena, _ splits: inout [RegularID: Bool], _ trie: TokenTrie
  ) -> Bool {
    guard !arena.nullable[Int(head)] else { return false }
    switch arena.nodes[Int(head)] {
    case .nothing, .empty, .choice: return false
    case .sequence(let first, let rest): return !beginsWithLoop(head, first, rest, &arena, &splits, trie)
    case .bytes, .all, .not, .repetition, .table: return true
    }
  }

  /// Whether the first part of a sequence is a thread of its own, so that what it looks like to the vocabulary is
  /// shared by all followers: a loop that goes on with a good part of the vocabulary, and that the next byte tells
  /// from what follows it.
  private static func beginsWithLoop(
    _ id: RegularID, _ first: RegularID, _ rest: RegularID, _ arena: inout RegularArena,
    _ splits: inout [RegularID: Bool], _ trie: TokenTrie
  ) -> Bool {
    switch arena.nodes[Int(first)] {
    case .nothing, .empty, .bytes, .sequence, .choice: return false
    case .repetition, .all, .not, .table: break
    }
    if let known = splits[id] { return known }
    var result = false
    switch arena.nodes[Int(first)] {
    case .repetition: result = trie.isDense(first, &arena) && arena.areApart(first, rest)
    case .all(let parts): result = parts.contains { arena.endsWithMark($0) } && trie.isDense(first, &arena)
    case .not, .table: result = trie.isDense(first, &arena)
    case .nothing, .empty, .bytes, .sequence, .choice: break
    }
    splits[id] = result
    return result
  }
}

extension TokenTrie {
  /// Whether tokens that begin like the expression's texts are a good part of the trie.
  func isDense(_ id: RegularID, _ arena: inout RegularArena) -> Bool {
    if arena.beginsWithTwoBytes(id) { return false }
    var weight = 0
    arena.liveBytes(id).forEach { weight += Int(weights[Int($0)]) }
    return weight * 64 > nodes.count
  }
}

extension RegularArena {
  /// Whether the first byte tells the texts of two expressions apart.
  mutating func areApart(_ left: RegularID, _ right: RegularID) -> Bool {
    (liveBytes(left) & liveBytes(right)).isEmpty
  }

  /// A loop up to a closing byte that the loop does not begin with, as in what is left of a quoted string: no text of
  /// the expression is the beginning of another one.
  mutating func endsWithMark(_ id: RegularID) -> Bool {
    guard case .sequence(let loop, let mark) = nodes[Int(id)], case .bytes = nodes[Int(mark)],
      case .repetition = nodes[Int(loop)]
    else { return false }
    return areApart(loop, mark)
  }
}
