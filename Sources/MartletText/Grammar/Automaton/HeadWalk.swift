/// A walk of the token trie with the states of a regular expression. It stops where a transition row is missing and
/// goes on when there is one.
struct HeadWalk {
  private(set) var mask: TokenMask
  private(set) var boundaries: [BoundaryGroup.Entry] = []
  private(set) var continuing: ByteSet
  /// The state without a row.
  private(set) var missing: RegularID = 0
  private let reference: HeadRecord?
  private var states: [RegularID]
  private var references: [RegularID]
  private var node = 0

  init(head: RegularID, trie: TokenTrie, reference: (head: RegularID, record: HeadRecord)?) {
    self.reference = reference?.record
    mask = reference?.record.mask ?? TokenMask(wordCount: trie.wordCount)
    continuing = reference?.record.continuing ?? .none
    states = [RegularID](repeating: 0, count: trie.maxDepth + 1)
    references = states
    states[0] = head
    references[0] = reference?.head ?? RegularArena.nothing
  }

  /// True when the walk is complete.
  mutating func run(_ arena: RegularArena, _ trie: TokenTrie) -> Bool {
    let nodes = trie.nodes.span
    let nullable = arena.nullable.span
    var words = mask.takeWords()
    defer { mask = TokenMask(words: words) }
    var marks = words.mutableSpan
    var (path, others) = (states, references)
    defer { (states, references) = (path, others) }
    var pathSpan = path.mutableSpan
    var otherSpan = others.mutableSpan
    while node < nodes.count {
      let current = nodes[node]
      let depth = Int(current.depth)
      let state = pathSpan[depth - 1]
      let twin = otherSpan[depth - 1]
      guard let next = arena.transitions.known(state, current.byte) else {
        missing = state
        return false
      }
      guard let other = arena.transitions.known(twin, current.byte) else {
        missing = twin
        return false
      }
      let leaves = depth > 1 && nullable[Int(state)]
      if next == RegularArena.nothing {
        if leaves { boundaries.append(BoundaryGroup.Entry(count: 0, node: Int32(node))) }
        if other != RegularArena.nothing {
          for index in node..<Int(current.end) where nodes[index].token >= 0 {
            marks[Int(nodes[index].token >> 5)] &= ~(1 << UInt32(nodes[index].token & 31))
          }
        }
        node = Int(current.end)
        continue
      }
      if leaves { continuing.insert(current.byte) }
      if next == other {
        takeBoundaries((node + 1)..<Int(current.end))
        node = Int(current.end)
        continue
      }
      if current.token >= 0 { marks[Int(current.token >> 5)] |= 1 << UInt32(current.token & 31) }
      pathSpan[depth] = next
      otherSpan[depth] = other
      node += 1
    }
    return true
  }

  private mutating func takeBoundaries(_ range: Range<Int>) {
    guard let reference else { return }
    boundaries += reference.boundaries[reference.boundaryIndices(in: range)]
  }
}
