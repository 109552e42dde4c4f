/// Byte-level byte-pair encoding (Radford et al., 2019): merges by rank over bytes.
struct ByteLevelEncoder: SubwordEncoder {
  private let byteTokens: [Int32]
  private let unknown: Int32?
  private let merges: PairTable
  /// Whole words by their bytes; nil unless words in the vocabulary skip the merges.
  private let words: SpellingTable?

  /// Each token's bytes; added tokens and spellings outside the alphabet stand for themselves.
  static func pieces(_ description: TokenizerDescription) -> TokenList {
    var pieces = TokenList()
    pieces.reserve(count: description.tokens.count, bytes: description.tokens.bytes.count)
    let added = Set(description.added.map(\.id))
    var buffer: [UInt8] = []
    for id in 0..<description.tokens.count {
      let spelling = description.tokens[id]
      if !added.contains(Int32(id)), ByteAlphabet.bytes(of: spelling, into: &buffer) {
        pieces.append(buffer)
      } else {
        pieces.append(spelling)
      }
    }
    return pieces
  }

  init(
    _ description: TokenizerDescription, pieces: TokenList, spellings: SpellingTable, merges: MergeList,
    ignoreMerges: Bool
  ) {
    byteTokens = ByteAlphabet.scalars.map { spellings.find(String($0)) ?? -1 }
    unknown = description.unknown
    self.merges = PairTable(merges, spellings: spellings)
    words = ignoreMerges ? SpellingTable(pieces) : nil
  }

  func encode(_ word: UnsafeBufferPointer<UInt8>, into tokens: inout [Int32]) {
    if let words, let token = unsafe words.find(word) {
      tokens.append(token)
      return
    }
    let start = tokens.count
    for index in 0..<word.count {
      let token = unsafe byteTokens[Int(word[index])]
      if token >= 0 { tokens.append(token) } else if let unknown { tokens.append(unknown) }
    }
    if tokens.count - start <= ShortMerge.longest {
      ShortMerge.run(&tokens, from: start) { merges.find($0, $1) }
      return
    }
    // A heap keeps hostile runs at O(n log n).
    var queue = MergeQueue(tokens: Array(tokens[start...]))
    let merged = queue.run { merges.find($0, $1) }
    tokens.replaceSubrange(start..., with: merged)
  }
}
