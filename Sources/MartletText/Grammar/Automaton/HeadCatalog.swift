/// What is known about how the vocabulary looks from the states of regular expressions, whatever follows them. A value:
/// grammars begin with what all grammars of a vocabulary share and add their own.
struct HeadCatalog: Sendable {
  /// By the repeated expression; nil for those that are no prefix code.
  private var counted: [RegularID: CountedRecord?] = [:]
  private var heads: [RegularID: HeadRecord] = [:]
  private var dense: [RegularID: Bool] = [:]
  /// Records that came with the vocabulary.
  private var sharedCount = 0

  /// Records of this grammar's own.
  var ownCount: Int { heads.count + counted.count - sharedCount }

  /// The same records, all of them shared.
  var asShared: HeadCatalog {
    var copy = self
    copy.sharedCount = heads.count + counted.count
    return copy
  }

  /// Whether an expression goes on with a good part of the vocabulary.
  mutating func isDense(_ head: RegularID, _ arena: inout RegularArena, _ trie: TokenTrie) -> Bool {
    if let known = dense[head] { return known }
    let result = trie.isDense(head, &arena)
    dense[head] = result
    return result
  }

  mutating func countedRecord(
    _ character: RegularID, _ arena: inout RegularArena, _ trie: TokenTrie
  ) -> CountedRecord? {
    if let known = counted[character] { return known }
    let record = CountedRecord.build(character, &arena, trie)
    counted[character] = .some(record)
    return record
  }

  mutating func headRecord(_ head: RegularID, _ arena: inout RegularArena, _ trie: TokenTrie) -> HeadRecord {
    if let known = heads[head] { return known }
    let record =
      relaxedRecord(head, &arena, trie)
      ?? HeadRecord.build(head, &arena, trie, reference: reference(for: head, &arena, trie))
    heads[head] = record
    return record
  }

  /// The record from that of the same expression without limits on its repetitions, from which it differs in long
  /// tokens only.
  private mutating func relaxedRecord(
    _ head: RegularID, _ arena: inout RegularArena, _ trie: TokenTrie
  ) -> HeadRecord? {
    // With less, most tokens are long.
    guard let relaxation = arena.relaxation(head), relaxation.slack >= 8 else { return nil }
    let record = headRecord(relaxation.id, &arena, trie)
    return HeadRecord.build(head, like: (relaxation.id, record), slack: relaxation.slack, &arena, trie)
  }

  /// The known head that shares the most transitions with `head`, weighted by the vocabulary: of the parts of an
  /// intersection or a choice and the latest heads.
  private func reference(
    for head: RegularID, _ arena: inout RegularArena, _ trie: TokenTrie
  ) -> (head: RegularID, record: HeadRecord)? {
    var candidates = heads.keys.sorted().suffix(16)
    switch arena.nodes[Int(head)] {
    case .all(let parts), .choice(let parts): candidates += parts
    default: break
    }
    var best: (head: RegularID, record: HeadRecord)?
    var bestWeight = trie.nodes.count / 4
    for candidate in candidates {
      guard let record = heads[candidate] else { continue }
      var weight = 0
      for byte in UInt8.min...UInt8.max where trie.weights[Int(byte)] > 0 {
        let target = arena.step(head, byte)
        if target != RegularArena.nothing, target == arena.step(candidate, byte) {
          weight += Int(trie.weights[Int(byte)])
        }
      }
      if weight > bestWeight {
        bestWeight = weight
        best = (candidate, record)
      }
    }
    return best
  }
}
