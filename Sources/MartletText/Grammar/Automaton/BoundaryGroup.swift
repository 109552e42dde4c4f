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
  /// Nodes with children.
  let interior: [Int32]

  private static let maskThreshold = 256

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
      let interior = entries.filter { trie.nodes[Int($0.node)].end > $0.node + 1 }.map(\.node)
      return BoundaryGroup(byte: UInt8(byte), entries: entries, tokens: mask, interior: interior)
    }
  }
}
