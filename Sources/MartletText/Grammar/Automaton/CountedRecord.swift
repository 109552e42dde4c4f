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
    guard let (first, rows, isEnd) = prefixCode(character, &arena) else { return nil }
    // Numbers of the character's states; 0 is dead, 1 its beginning.
    var states = [UInt8](repeating: 1, count: trie.maxDepth + 1)
    var counts = [Int32](repeating: 0, count: trie.maxDepth + 1)
    var needs: [(need: Int32, token: Int32)] = []
    var boundaries: [BoundaryGroup.Entry] = []
    var mask = TokenMask(wordCount: trie.wordCount)
    var node = 0
    let nodes = trie.nodes.span
    while node < nodes.count {
      let current = nodes[node]
      let depth = Int(current.depth)
      let next = rows[Int(states[depth - 1]) << 8 | Int(current.byte)]
      let count = counts[depth - 1]
      if next == 0 {
        if depth > 1, states[depth - 1] == 1 {
          boundaries.append(BoundaryGroup.Entry(count: count, node: Int32(node)))
        }
        node = Int(current.end)
        continue
      }
      let isWhole = isEnd[Int(next)]
      states[depth] = isWhole ? 1 : next
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

  /// A prefix code's first bytes and its automaton, 256 targets a state; nil when the expression is none.
  private static func prefixCode(
    _ character: RegularID, _ arena: inout RegularArena
  ) -> (first: ByteSet, rows: [UInt8], isEnd: [Bool])? {
    guard !arena.nullable[Int(character)] else { return nil }
    var order = [RegularArena.nothing, character]
    var numbers: [RegularID: UInt8] = [RegularArena.nothing: 0, character: 1]
    var rows = [UInt8](repeating: 0, count: 256)
    while rows.count >> 8 < order.count {
      let state = order[rows.count >> 8]
      for byte in UInt8.min...UInt8.max {
        let next = arena.step(state, byte)
        if next != RegularArena.nothing, arena.nullable[Int(state)] { return nil }
        if let known = numbers[next] {
          rows.append(known)
        } else {
          guard order.count <= 64 else { return nil }
          rows.append(UInt8(order.count))
          numbers[next] = UInt8(order.count)
          order.append(next)
        }
      }
    }
    return (arena.liveBytes(character), rows, order.map { arena.nullable[Int($0)] })
  }
}
