/// What the vocabulary looks like from a repetition of characters, for every pair of counts at once. The repeated
/// expression is a prefix code: where one character ends shows without looking further.
final class CountedRecord: Sendable {
  /// Tokens that stay inside an unlimited repetition.
  let mask: TokenMask
  /// Tokens by the characters they need, the last one perhaps unfinished: those with `n` are
  /// tokens[offsets[n]..<offsets[n + 1]].
  let tokens: [Int32]
  let offsets: [Int]
  /// Entries count complete characters before the node.
  let groups: [BoundaryGroup]
  /// First bytes of a character.
  let continuing: ByteSet
  let maxCount: Int32

  /// Tokens that need at most `limit` characters.
  func mask(limit: Int32, wordCount: Int) -> TokenMask {
    guard limit < maxCount else { return mask }
    let end = offsets[Int(limit) + 1]
    // Most tokens are short: what is too long is mostly less than what fits.
    if end > tokens.count / 2 {
      var result = mask
      for token in tokens[end...] { result.remove(token) }
      return result
    }
    var result = TokenMask(wordCount: wordCount)
    for token in tokens[..<end] { result.insert(token) }
    return result
  }

  /// Nil when `character` is no prefix code, or has more than 64 states.
  static func build(_ character: RegularID, _ arena: inout RegularArena, _ trie: TokenTrie) -> CountedRecord? {
    guard let first = prefixCode(character, &arena) else { return nil }
    var states = [RegularID](repeating: 0, count: trie.maxDepth + 1)
    var counts = [Int32](repeating: 0, count: trie.maxDepth + 1)
    states[0] = character
    var needs: [(need: Int32, token: Int32)] = []
    var boundaries: [BoundaryGroup.Entry] = []
    var mask = TokenMask(wordCount: trie.wordCount)
    var node = 0
    while node < trie.nodes.count {
      let current = trie.nodes[node]
      let depth = Int(current.depth)
      let next = arena.step(states[depth - 1], current.byte)
      let count = counts[depth - 1]
      if next == RegularArena.nothing {
        if depth > 1, states[depth - 1] == character {
          boundaries.append(BoundaryGroup.Entry(count: count, node: Int32(node)))
        }
        node = Int(current.end)
        continue
      }
      let isWhole = arena.nullable[Int(next)]
      states[depth] = isWhole ? character : next
      counts[depth] = isWhole ? count + 1 : count
      if current.token >= 0 {
        needs.append((count + 1, current.token))
        mask.insert(current.token)
      }
      node += 1
    }
    return CountedRecord(mask, needs, boundaries, first, trie)
  }

  private init(
    _ mask: TokenMask, _ needs: [(need: Int32, token: Int32)], _ boundaries: [BoundaryGroup.Entry], _ first: ByteSet,
    _ trie: TokenTrie
  ) {
    self.mask = mask
    maxCount = max(needs.map(\.need).max() ?? 0, boundaries.map(\.count).max() ?? 0)
    var offsets = [Int](repeating: 0, count: Int(maxCount) + 2)
    for entry in needs { offsets[Int(entry.need) + 1] += 1 }
    for index in 1..<offsets.count { offsets[index] += offsets[index - 1] }
    self.offsets = offsets
    var sorted = [Int32](repeating: 0, count: needs.count)
    for entry in needs {
      sorted[offsets[Int(entry.need)]] = entry.token
      offsets[Int(entry.need)] += 1
    }
    tokens = sorted
    continuing = first
    groups = BoundaryGroup.groups(boundaries, trie)
  }

  /// The first bytes of a prefix code; nil when the expression is none.
  private static func prefixCode(_ character: RegularID, _ arena: inout RegularArena) -> ByteSet? {
    guard !arena.nullable[Int(character)] else { return nil }
    var first = ByteSet.none
    var seen: Set<RegularID> = [character]
    var pending = [character]
    while let state = pending.popLast() {
      guard seen.count <= 64 else { return nil }
      for byte in UInt8.min...UInt8.max {
        let next = arena.step(state, byte)
        guard next != RegularArena.nothing else { continue }
        if arena.nullable[Int(state)] { return nil }
        if state == character { first.insert(byte) }
        if seen.insert(next).inserted { pending.append(next) }
      }
    }
    return first
  }
}
