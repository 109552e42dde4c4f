/// What the vocabulary looks like from one state of a regular expression, whatever follows the expression.
final class HeadRecord: Sendable {
  /// Tokens that stay inside the expression.
  let mask: TokenMask
  /// Nodes behind an accepting state where the expression dies, ascending.
  let boundaries: [BoundaryGroup.Entry]
  let groups: [BoundaryGroup]
  /// Bytes that continue the expression from an accepting state inside a token. A follower that begins with one of
  /// them makes the record unusable.
  let continuing: ByteSet

  init(mask: TokenMask, boundaries: [BoundaryGroup.Entry], continuing: ByteSet, trie: TokenTrie) {
    self.mask = mask
    self.boundaries = boundaries
    self.continuing = continuing
    groups = BoundaryGroup.groups(boundaries, trie)
  }

  /// A record that differs from another in its mask only.
  init(mask: TokenMask, sharing other: HeadRecord) {
    self.mask = mask
    boundaries = other.boundaries
    continuing = other.continuing
    groups = other.groups
  }

  /// Indices of the boundaries whose nodes lie in a range.
  func boundaryIndices(in range: Range<Int>) -> Range<Int> {
    let start = firstBoundary(from: range.lowerBound)
    var end = start
    while end < boundaries.count, Int(boundaries[end].node) < range.upperBound { end += 1 }
    return start..<end
  }

  func hasBoundary(in range: Range<Int>) -> Bool {
    let index = firstBoundary(from: range.lowerBound)
    return index < boundaries.count && Int(boundaries[index].node) < range.upperBound
  }

  private func firstBoundary(from node: Int) -> Int {
    var low = 0
    var high = boundaries.count
    while low < high {
      let middle = (low + high) / 2
      if Int(boundaries[middle].node) < node { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Where only the longest tokens are walked, states further from the head than this are mostly met once, with one byte.
  private static let rowDepth = 2
  private static let longestTokens = 24

  /// The record of an expression that texts of up to `slack` bytes do not tell from another one. Nil when more than the
  /// tokens that stay inside differ.
  static func build(
    _ head: RegularID, like reference: (head: RegularID, record: HeadRecord), slack: Int, _ arena: inout RegularArena,
    _ trie: TokenTrie
  ) -> HeadRecord? {
    var walk = LongTokenWalk(
      head: head, reference: reference.head, record: reference.record, slack: slack, trie: trie)
    while arena.exhausted == nil {
      switch walk.run(arena, trie) {
      case .complete:
        return walk.mask == reference.record.mask
          ? reference.record : HeadRecord(mask: walk.mask, sharing: reference.record)
      case .different: return nil
      case .missing(let state, let byte, let depth):
        if depth <= rowDepth || slack < longestTokens { arena.addRow(state) } else { arena.addSingle(state, byte) }
      }
    }
    return nil
  }

  /// Walks the whole trie from `head`; where the walk meets the states of a walk from `reference`, its record is taken
  /// over, so that only the difference costs.
  /// - Complexity: O(nodes on which the two differ).
  static func build(
    _ head: RegularID, _ arena: inout RegularArena, _ trie: TokenTrie,
    reference: (head: RegularID, record: HeadRecord)? = nil
  ) -> HeadRecord {
    var walk = HeadWalk(head: head, trie: trie, reference: reference)
    while !walk.run(arena, trie) {
      arena.addRow(walk.missing)
      if arena.exhausted != nil { break }
    }
    return HeadRecord(mask: walk.mask, boundaries: walk.boundaries, continuing: walk.continuing, trie: trie)
  }
}
