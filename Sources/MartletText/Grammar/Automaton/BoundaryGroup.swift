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
    var byByte: [UInt8: [Entry]] = [:]
    for entry in boundaries { byByte[trie.nodes[Int(entry.node)].byte, default: []].append(entry) }
    return byByte.keys.sorted().map { byte in
      let entries = (byByte[byte] ?? []).sorted { ($0.count, $0.node) < ($1.count, $1.node) }
      var mask: TokenMask?
      if entries.count >= maskThreshold {
        var tokens = TokenMask(wordCount: trie.wordCount)
        for entry in entries where trie.nodes[Int(entry.node)].token >= 0 {
          tokens.insert(trie.nodes[Int(entry.node)].token)
        }
        mask = tokens
      }
      let interior = entries.filter { trie.nodes[Int($0.node)].end > $0.node + 1 }.map(\.node)
      return BoundaryGroup(byte: byte, entries: entries, tokens: mask, interior: interior)
    }
  }
}
