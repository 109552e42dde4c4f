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
