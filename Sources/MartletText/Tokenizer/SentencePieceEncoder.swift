/// SentencePiece's byte-pair encoding: neighbouring pieces merge into the vocabulary's best-scoring piece.
struct SentencePieceEncoder: SubwordEncoder {
  private let tokens: TokenList
  private let spellings: SpellingTable
  private let scores: [Float]
  private let merges: PairTable?
  private let fallback: ByteFallback
  private let longest: Int

  init(
    _ description: TokenizerDescription, spellings: SpellingTable, scores: [Float], merges: MergeList?
  ) throws(TokenizerError) {
    guard merges != nil || scores.count >= description.tokens.count else {
      throw TokenizerError(field: "scores", problem: "are missing")
    }
    tokens = description.tokens
    self.spellings = spellings
    self.scores = scores
    self.merges = merges.map { PairTable($0, spellings: spellings) }
    fallback = ByteFallback(description, spellings: spellings)
    longest = (0..<description.tokens.count).reduce(0) { max($0, description.tokens.length($1)) }
  }

  func encode(_ word: UnsafeBufferPointer<UInt8>, into result: inout [Int32]) {
    // A character without a token takes a placeholder below -1 that no merge finds: its place in the word.
    let start = result.count
    var hasUnknown = false
    var index = 0
    while index < word.count {
      let length = unsafe min(UTF8Length.of(word[index]), word.count - index)
      if let token = unsafe spellings.find(UnsafeBufferPointer(rebasing: word[index..<index + length])) {
        result.append(token)
      } else {
        result.append(-2 - Int32(truncatingIfNeeded: index))
        hasUnknown = true
      }
      index += length
    }
    if result.count - start <= ShortMerge.longest {
      ShortMerge.run(&result, from: start) { pair($0, $1) }
    } else {
      var queue = MergeQueue(tokens: Array(result[start...]))
      let merged = queue.run { pair($0, $1) }
      result.replaceSubrange(start..., with: merged)
    }
    guard hasUnknown else { return }
    let merged = Array(result[start...])
    result.removeLast(merged.count)
    var isFused = false
    for token in merged {
      if token >= 0 {
        result.append(token)
        isFused = false
      } else {
        let place = Int(-2 - token)
        let length = unsafe min(UTF8Length.of(word[place]), word.count - place)
        isFused = unsafe fallback.encode(
          UnsafeBufferPointer(rebasing: word[place..<place + length]), afterUnknown: isFused, into: &result)
      }
    }
  }

  private func pair(_ left: Int32, _ right: Int32) -> (priority: Float, merged: Int32)? {
    guard left >= 0, right >= 0 else { return nil }
    if let merges { return merges.find(left, right) }
    let leftLength = tokens.length(Int(left)), length = leftLength + tokens.length(Int(right))
    guard length <= longest else { return nil }
    let merged = unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: length) { spelling in
      unsafe tokens.bytes.withUnsafeBufferPointer { bytes in
        let first = tokens.offsets[Int(left)], second = tokens.offsets[Int(right)] - leftLength
        for index in 0..<leftLength { unsafe spelling[index] = bytes[first + index] }
        for index in leftLength..<length { unsafe spelling[index] = bytes[second + index] }
      }
      return unsafe spellings.find(UnsafeBufferPointer(spelling))
    }
    guard let merged else { return nil }
    return (-scores[Int(merged)], merged)
  }
}
