/// Pairs of spellings in the order in which they merge. Each entry is the merged spelling and where it is cut.
package struct MergeList: Sendable {
  private(set) var spellings = TokenList()
  private(set) var leftLengths: [Int32] = []

  package init() {}

  /// - Parameter pairs: "left right" each, as in GGUF files.
  package init(spaceSeparated pairs: TokenList) throws(TokenizerError) {
    spellings.reserve(count: pairs.count, bytes: pairs.bytes.count)
    leftLengths.reserveCapacity(pairs.count)
    for rank in 0..<pairs.count { try append(spaceSeparated: pairs[rank]) }
  }

  var count: Int { leftLengths.count }

  /// "left right" each, as in GGUF files.
  var spaceSeparated: TokenList {
    var pairs = TokenList()
    pairs.reserve(count: count, bytes: spellings.bytes.count + count)
    for rank in 0..<count {
      let spelling = spellings[rank], cut = spelling.startIndex + Int(leftLengths[rank])
      pairs.append(spelling[..<cut] + [0x20] + spelling[cut...])
    }
    return pairs
  }

  mutating func reserve(_ count: Int) {
    spellings.reserve(count: count, bytes: count * 8)
    leftLengths.reserveCapacity(count)
  }

  mutating func append(left: ArraySlice<UInt8>, right: ArraySlice<UInt8>) {
    spellings.append(left, right)
    leftLengths.append(Int32(left.count))
  }

  /// The separator is the first space that is not the first byte: symbols of this form hold no plain space otherwise.
  mutating func append(spaceSeparated pair: ArraySlice<UInt8>) throws(TokenizerError) {
    guard let space = pair.dropFirst().firstIndex(of: 0x20) else {
      throw TokenizerError(field: "merges", problem: "entry \(count) is not a pair")
    }
    append(left: pair[pair.startIndex..<space], right: pair[(space + 1)...])
  }
}
