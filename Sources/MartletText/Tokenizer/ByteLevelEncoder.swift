/// Byte-level byte-pair encoding (Radford et al., 2019): merges by rank over bytes.
struct ByteLevelEncoder: SubwordEncoder {
  private let byteTokens: [Int32]
  private let merges: PairTable
  /// Whole words by their bytes; nil unless words in the vocabulary skip the merges.
  private let words: SpellingTable?

  /// Each token's bytes; added tokens and spellings outside the alphabet stand for themselves.
  static func pieces(_ description: TokenizerDescription) -> TokenList {
    var pieces = TokenList()
    let added = Set(description.added.map(\.id))
    for id in 0..<description.tokens.count {
      let spelling = description.tokens[id]
      if added.contains(Int32(id)) {
        pieces.append(spelling)
      } else {
        pieces.append(ByteAlphabet.bytes(of: spelling) ?? Array(spelling))
      }
    }
    return pieces
  }

  init(
    pieces: TokenList, spellings: SpellingTable, tokens: TokenList, merges list: TokenList, ignoreMerges: Bool
  ) throws(TokenizerError) {
    var byteTokens: [Int32] = []
    for scalar in ByteAlphabet.scalars { byteTokens.append(spellings.find(String(scalar).utf8) ?? -1) }
    self.byteTokens = byteTokens
    var merges = PairTable(capacity: list.count)
    for rank in 0..<list.count {
      let spelling = list[rank]
      // The separator is the space that is neither first nor last: symbols never hold a plain space.
      guard let space = spelling.dropFirst().firstIndex(of: 0x20) else {
        throw TokenizerError(field: "merges", problem: "entry \(rank) is not a pair")
      }
      let left = spelling[spelling.startIndex..<space], right = spelling[(space + 1)...]
      guard let leftID = spellings.find(left), let rightID = spellings.find(right),
        let merged = spellings.find(Array(left) + Array(right))
      else { continue }
      merges.insert(leftID, rightID, rank: Int32(rank), merged: merged)
    }
    self.merges = merges
    words = ignoreMerges ? SpellingTable(pieces) : nil
  }

  func encode(_ word: Slice<UnsafeBufferPointer<UInt8>>, into tokens: inout [Int32]) {
    if let words, let token = unsafe words.find(word) {
      tokens.append(token)
      return
    }
    let start = tokens.count
    for index in unsafe word.indices {
      let token = unsafe byteTokens[Int(word[index])]
      if token >= 0 { tokens.append(token) }
    }
    merge(&tokens, from: start)
  }

  func encode(_ word: [UInt8], into tokens: inout [Int32]) {
    unsafe word.withUnsafeBufferPointer { unsafe encode(Slice(base: $0, bounds: 0..<$0.count), into: &tokens) }
  }

  /// Merges tokens[start...]. Short words scan for the best pair each time; long ones use a heap, so that hostile runs
  /// stay O(n log n).
  private func merge(_ tokens: inout [Int32], from start: Int) {
    let count = tokens.count - start
    guard count > 1 else { return }
    if count > 64 {
      var queue = MergeQueue(tokens: Array(tokens[start...]))
      let merged = queue.run { left, right in
        merges.find(left, right).map { (Float($0.rank), $0.merged) }
      }
      tokens.replaceSubrange(start..., with: merged)
      return
    }
    while tokens.count - start > 1 {
      var best: (rank: Int32, merged: Int32)?
      var place = 0
      for index in start..<(tokens.count - 1) {
        if let pair = merges.find(tokens[index], tokens[index + 1]), best.map({ pair.rank < $0.rank }) ?? true {
          best = pair
          place = index
        }
      }
      guard let best else { return }
      tokens[place] = best.merged
      tokens.remove(at: place + 1)
    }
  }
}
