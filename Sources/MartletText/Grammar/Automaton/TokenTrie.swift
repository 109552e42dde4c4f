/// The spellings of a vocabulary as a trie in depth-first order: a subtree is a range of nodes, and a walk that skips
/// dead subtrees is one loop over an array.
package struct TokenTrie: Sendable {
  struct Node: Sendable {
    /// First node behind the subtree.
    let end: Int32
    /// A token spelled by the path to this node, or -1.
    let token: Int32
    /// Length of the path; the root's children have 1.
    let depth: UInt16
    let byte: UInt8
  }

  /// A byte that UTF-8 never has; it opens the spelling of a special token.
  static let specialMark: UInt8 = 0xFF

  private(set) var nodes: [Node] = []
  /// By node: the greatest depth in its subtree.
  private(set) var deepest: [UInt16] = []
  /// Further tokens with the spelling of a node's token.
  private(set) var twins: [Int32: [Int32]] = [:]
  /// Nodes by first byte.
  private(set) var weights = [Int32](repeating: 0, count: 256)
  package private(set) var maxDepth = 0
  let vocabularySize: Int
  /// 32-bit words of a mask.
  var wordCount: Int { (vocabularySize + 31) / 32 }

  /// - Parameters:
  ///   - spelling: the bytes of a token in running text; empty for tokens that text never has.
  ///   - special: tokens that are told apart from their spelling.
  /// - Complexity: O(n log n) in the number of tokens.
  package init(vocabularySize: Int, special: Set<Int32>, spelling: (Int32) -> [UInt8]) {
    self.vocabularySize = vocabularySize
    var bytes: [UInt8] = []
    var entries: [(start: Int, count: Int, token: Int32, key: UInt64)] = []
    for token in 0..<Int32(clamping: vocabularySize) {
      let text = special.contains(token) ? Self.specialSpelling(token) : spelling(token)
      // Bytes above 0xF4 are never part of UTF-8, so that a token with one can never be allowed.
      guard !text.isEmpty, text.count <= 1_024, special.contains(token) || !text.contains(where: { $0 > 0xF4 }) else {
        continue
      }
      var key: UInt64 = 0
      for index in 0..<8 { key = key << 8 | (index < text.count ? UInt64(text[index]) : 0) }
      entries.append((bytes.count, text.count, token, key))
      bytes += text
    }
    entries.sort { left, right in
      if left.key != right.key { return left.key < right.key }
      let order = Self.order(bytes, left.start, left.count, right.start, right.count)
      return order == 0 ? left.token < right.token : order < 0
    }
    build(entries.map { ($0.start, $0.count, $0.token) }, bytes)
  }

  /// The spelling under which a grammar names a special token: it is no text.
  static func specialSpelling(_ token: Int32) -> [UInt8] {
    [
      specialMark, UInt8(truncatingIfNeeded: token >> 16), UInt8(truncatingIfNeeded: token >> 8),
      UInt8(truncatingIfNeeded: token),
    ]
  }

  private static func order(_ bytes: [UInt8], _ left: Int, _ leftCount: Int, _ right: Int, _ rightCount: Int) -> Int {
    for offset in 0..<min(leftCount, rightCount) where bytes[left + offset] != bytes[right + offset] {
      return bytes[left + offset] < bytes[right + offset] ? -1 : 1
    }
    return leftCount - rightCount
  }

  private mutating func build(_ entries: [(start: Int, count: Int, token: Int32)], _ bytes: [UInt8]) {
    var path: [UInt8] = []
    var open: [Int] = []
    var ends: [Int32] = []
    var tokens: [Int32] = []
    for entry in entries {
      let text = bytes[entry.start..<(entry.start + entry.count)]
      var common = 0
      while common < path.count, common < text.count, path[common] == text[entry.start + common] { common += 1 }
      if common == text.count, common == path.count, let node = open.last {
        twins[tokens[node], default: []].append(entry.token)
        continue
      }
      while open.count > common {
        ends[open.removeLast()] = Int32(nodes.count)
        path.removeLast()
      }
      for offset in common..<text.count {
        let byte = text[entry.start + offset]
        path.append(byte)
        open.append(nodes.count)
        nodes.append(Node(end: 0, token: -1, depth: UInt16(path.count), byte: byte))
        ends.append(0)
        tokens.append(-1)
      }
      maxDepth = max(maxDepth, path.count)
      if let node = open.last { tokens[node] = entry.token }
    }
    while let node = open.popLast() { ends[node] = Int32(nodes.count) }
    deepest = nodes.map(\.depth)
    for index in nodes.indices.reversed() {
      let next = index + 1
      if next < nodes.count, nodes[next].depth > nodes[index].depth {
        // Children stand behind their parent; each has taken over what lies below it.
        var child = next
        while child < Int(ends[index]) {
          deepest[index] = max(deepest[index], deepest[child])
          child = Int(ends[child])
        }
      }
    }
    for index in nodes.indices {
      let node = nodes[index]
      nodes[index] = Node(end: ends[index], token: tokens[index], depth: node.depth, byte: node.byte)
      if node.depth == 1 { weights[Int(node.byte)] = ends[index] - Int32(index) }
    }
  }
}
