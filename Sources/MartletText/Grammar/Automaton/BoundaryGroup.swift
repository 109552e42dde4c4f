/// Trie nodes at which a head ends and another byte follows, for one such byte.
struct BoundaryGroup: Sendable {
  struct Entry: Sendable {
    /// Complete characters of a counted head before this node; 0 for other heads.
    let count: Int32
    let node: Int32
  }

  let byte: UInt8
  /// Ascending by count, then by node.
  let entries: [Entry]
  /// Tokens that end at the nodes, when there are many.
  let tokens: TokenMask?
  /// Entries whose nodes have children.
  let interior: [Entry]

  private static let maskThreshold = 256

  /// Adds the tokens that end at entries with a count in `counts`.
  func addTokens(_ counts: ClosedRange<Int32>, _ trie: TokenTrie, to mask: inout TokenMask) {
    let inside = Self.indices(entries, counts)
    guard var whole = tokens, inside.count > entries.count / 2 else {
      for entry in entries[inside] where trie.nodes[Int(entry.node)].token >= 0 {
        mask.insert(trie.nodes[Int(entry.node)].token)
      }
      return
    }
    for outside in [entries[..<inside.lowerBound], entries[inside.upperBound...]] {
      for entry in outside where trie.nodes[Int(entry.node)].token >= 0 {
        whole.remove(trie.nodes[Int(entry.node)].token)
      }
    }
    mask.formUnion(whole)
  }

  /// Entries with children and a count in `counts`.
  func interior(_ counts: ClosedRange<Int32>) -> ArraySlice<Entry> { interior[Self.indices(interior, counts)] }

  private static func indices(_ entries: [Entry], _ counts: ClosedRange<Int32>) -> Range<Int> {
    func firstIndex(_ holds: (Int32) -> Bool) -> Int {
      var low = 0
      var high = entries.count
      while low < high {
        let middle = (low + high) / 2
        if holds(entries[middle].count) { high = middle } else { low = middle + 1 }
      }
      return low
    }
    return firstIndex { $0 >= counts.lowerBound }..<firstIndex { $0 > counts.upperBound }
  }

  /// - Parameter boundaries: pairs of count and node.
  static func groups(_ boundaries: [Entry], _ trie: TokenTrie) -> [BoundaryGroup] {
    var byByte = [[Entry]](repeating: [], count: 256)
    var isCounted = false
    for entry in boundaries {
      byByte[Int(trie.nodes[Int(entry.node)].byte)].append(entry)
      isCounted = isCounted || entry.count != 0
    }
    return byByte.indices.filter { !byByte[$0].isEmpty }.map { byte in
      // Without counts the boundaries stand in the order of the nodes already.
      let entries = isCounted ? byByte[byte].sorted { ($0.count, $0.node) < ($1.count, $1.node) } : byByte[byte]
      var mask: TokenMask?
      if entries.count >= maskThreshold {
        var tokens = TokenMask(wordCount: trie.wordCount)
        for entry in entries where trie.nodes[Int(entry.node)].token >= 0 {
          tokens.insert(trie.nodes[Int(entry.node)].token)
        }
        mask = tokens
      }
      let interior = entries.filter { trie.nodes[Int($0.node)].end > $0.node + 1 }
      return BoundaryGroup(byte: UInt8(byte), entries: entries, tokens: mask, interior: interior)
    }
  }
}
