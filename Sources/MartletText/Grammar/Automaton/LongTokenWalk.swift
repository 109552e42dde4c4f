/// Compares an expression with one that looks the same to texts of up to `slack` bytes: walks the tokens that are longer.
/// It stops where a transition is missing and goes on when it is there.
struct LongTokenWalk {
  enum Outcome {
    case complete
    /// A state without a row, and the byte to read, which has been `depth` bytes into the token.
    case missing(RegularID, UInt8, depth: Int)
    /// The two differ in more than the tokens that stay inside.
    case different
  }

  private(set) var mask: TokenMask
  private let reference: HeadRecord
  private let slack: Int
  private var states: [RegularID]
  private var references: [RegularID]
  private var node = 0

  init(head: RegularID, reference: RegularID, record: HeadRecord, slack: Int, trie: TokenTrie) {
    self.reference = record
    self.slack = slack
    mask = record.mask
    states = [RegularID](repeating: 0, count: trie.maxDepth + 1)
    references = states
    states[0] = head
    references[0] = reference
  }

  /// - Complexity: O(nodes on the way to long tokens, and their siblings).
  mutating func run(_ arena: RegularArena, _ trie: TokenTrie) -> Outcome {
    unsafe arena.transitions.withBuffers { unsafe run($0, arena, trie) }
  }

  private mutating func run(
    _ transitions: TransitionRows.Buffers, _ arena: RegularArena, _ trie: TokenTrie
  ) -> Outcome {
    let nodes = trie.nodes.span
    let deepest = trie.deepest.span
    while node < nodes.count {
      let current = nodes[node]
      let depth = Int(current.depth)
      if Int(deepest[node]) <= slack {
        node = Int(current.end)
        continue
      }
      let (state, twin) = (states[depth - 1], references[depth - 1])
      var next = unsafe transitions.next(state, current.byte)
      if next < 0 { next = arena.transitions.single(state, current.byte) }
      var other = unsafe transitions.next(twin, current.byte)
      if other < 0 { other = arena.transitions.single(twin, current.byte) }
      guard next >= 0 else { return .missing(state, current.byte, depth: depth) }
      guard other >= 0 else { return .missing(twin, current.byte, depth: depth) }
      let leaves = depth > 1 && arena.nullable[Int(state)]
      if leaves != (depth > 1 && arena.nullable[Int(twin)]) { return .different }
      if next == other {
        node = Int(current.end)
        continue
      }
      if other == RegularArena.nothing { return .different }
      if next == RegularArena.nothing {
        if leaves || reference.hasBoundary(in: node..<Int(current.end)) { return .different }
        for index in node..<Int(current.end) where nodes[index].token >= 0 { mask.remove(nodes[index].token) }
        node = Int(current.end)
        continue
      }
      states[depth] = next
      references[depth] = other
      node += 1
    }
    return .complete
  }
}
