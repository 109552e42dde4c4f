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
    while node < nodes.count {
      let current = nodes[node]
      let depth = Int(current.depth)
      let state = states[depth - 1]
      guard let next = Self.step(arena, state, current.byte) else {
        missing = state
        return false
      }
      guard let other = Self.step(arena, references[depth - 1], current.byte) else {
        missing = references[depth - 1]
        return false
      }
      let leaves = depth > 1 && arena.nullable[Int(state)]
      if next == RegularArena.nothing {
        if leaves { boundaries.append(BoundaryGroup.Entry(count: 0, node: Int32(node))) }
        if other != RegularArena.nothing { clear(node..<Int(current.end), trie) }
        node = Int(current.end)
        continue
      }
      if leaves { continuing.insert(current.byte) }
      if next == other {
        takeBoundaries((node + 1)..<Int(current.end))
        node = Int(current.end)
        continue
      }
      if current.token >= 0 { mask.insert(current.token) }
      states[depth] = next
      references[depth] = other
      node += 1
    }
    return true
  }

  /// Nil when the state has no row yet.
  private static func step(_ arena: RegularArena, _ state: RegularID, _ byte: UInt8) -> RegularID? {
    let row = arena.transitions.rowOf[Int(state)]
    if row >= 0 { return arena.transitions.rows[Int(row) << 8 | Int(byte)] }
    if state == RegularArena.nothing { return RegularArena.nothing }
    guard row == TransitionRows.literal else { return nil }
    return arena.transitions.literalByte[Int(state)] == byte
      ? arena.transitions.literalNext[Int(state)] : RegularArena.nothing
  }

  private mutating func clear(_ range: Range<Int>, _ trie: TokenTrie) {
    for index in range where trie.nodes[index].token >= 0 { mask.remove(trie.nodes[index].token) }
  }

  private mutating func takeBoundaries(_ range: Range<Int>) {
    guard let list = reference?.boundaries else { return }
    var low = 0
    var high = list.count
    while low < high {
      let middle = (low + high) / 2
      if Int(list[middle].node) < range.lowerBound { low = middle + 1 } else { high = middle }
    }
    while low < list.count, Int(list[low].node) < range.upperBound {
      boundaries.append(list[low])
      low += 1
    }
  }
}
