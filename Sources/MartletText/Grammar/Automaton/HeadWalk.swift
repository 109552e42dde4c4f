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
    unsafe arena.transitions.withBuffers { transitions in
      unsafe arena.nullable.withUnsafeBufferPointer { nullable in
        unsafe trie.nodes.withUnsafeBufferPointer { nodes in
          unsafe run(transitions, nullable, nodes)
        }
      }
    }
  }

  private mutating func run(
    _ transitions: TransitionRows.Buffers, _ nullable: UnsafeBufferPointer<Bool>,
    _ nodes: UnsafeBufferPointer<TokenTrie.Node>
  ) -> Bool {
    var words = mask.takeWords()
    var (path, others, node) = (states, references, self.node)
    defer { (mask, states, references, self.node) = (TokenMask(words: words), path, others, node) }
    return unsafe words.withUnsafeMutableBufferPointer { words in
      unsafe path.withUnsafeMutableBufferPointer { path in
        unsafe others.withUnsafeMutableBufferPointer { others in
          while node < nodes.count {
            let current = unsafe nodes[node]
            let depth = Int(current.depth)
            let state = unsafe path[depth - 1]
            let twin = unsafe others[depth - 1]
            let next = unsafe transitions.next(state, current.byte)
            let other = unsafe transitions.next(twin, current.byte)
            if next < 0 || other < 0 {
              missing = next < 0 ? state : twin
              return false
            }
            if unsafe depth > 1 && nullable[Int(state)] { leave(node, next, current.byte) }
            if next == RegularArena.nothing {
              if other != RegularArena.nothing { unsafe Self.clear(node..<Int(current.end), nodes, words) }
              node = Int(current.end)
              continue
            }
            if next == other {
              takeBoundaries((node + 1)..<Int(current.end))
              node = Int(current.end)
              continue
            }
            if current.token >= 0 { unsafe words[Int(current.token >> 5)] |= 1 << UInt32(current.token & 31) }
            unsafe path[depth] = next
            unsafe others[depth] = other
            node += 1
          }
          return true
        }
      }
    }
  }

  private mutating func leave(_ node: Int, _ next: RegularID, _ byte: UInt8) {
    if next == RegularArena.nothing {
      boundaries.append(BoundaryGroup.Entry(count: 0, node: Int32(node)))
    } else {
      continuing.insert(byte)
    }
  }

  private static func clear(
    _ range: Range<Int>, _ nodes: UnsafeBufferPointer<TokenTrie.Node>, _ words: UnsafeMutableBufferPointer<UInt32>
  ) {
    for index in range {
      let token = unsafe nodes[index].token
      if token >= 0 { unsafe words[Int(token >> 5)] &= ~(1 << UInt32(token & 31)) }
    }
  }

  private mutating func takeBoundaries(_ range: Range<Int>) {
    guard let reference else { return }
    boundaries += reference.boundaries[reference.boundaryIndices(in: range)]
  }
}
