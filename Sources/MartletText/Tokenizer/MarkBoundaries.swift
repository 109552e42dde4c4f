/// Where text with space marks may be cut so that its parts encode on their own: in front of a mark that no token holds
/// behind the byte in front of it. No merge and no piece crosses such a place.
struct MarkBoundaries: Sendable {
  /// Bytes that some token has in front of a mark.
  private let joined: [Bool]

  /// Nil where the mark itself is not a token, so that unknown characters could fuse across it.
  init?(_ tokens: TokenList, spellings: SpellingTable) {
    guard spellings.find(SpaceMark.bytes[...]) != nil else { return nil }
    var joined = [Bool](repeating: false, count: 256)
    unsafe tokens.bytes.withUnsafeBufferPointer { bytes in
      for id in 0..<tokens.count {
        let start = tokens.offsets[id], end = tokens.offsets[id + 1]
        guard end - start > 3 else { continue }
        for index in start + 1...end - 3
        where unsafe bytes[index] == 0xE2 && bytes[index + 1] == 0x96 && bytes[index + 2] == 0x81 {
          unsafe joined[Int(bytes[index - 1])] = true
        }
      }
    }
    self.joined = joined
  }

  private init() {
    joined = [Bool](repeating: false, count: 256)
  }

  /// Every mark begins a word.
  static let all = MarkBoundaries()

  /// End of the part that begins at `start`.
  @inline(__always)
  func next(_ text: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
    var index = start + 1
    while index + 2 < text.count {
      if unsafe text[index] == 0xE2, unsafe text[index + 1] == 0x96, unsafe text[index + 2] == 0x81,
        unsafe !joined[Int(text[index - 1])]
      {
        return index
      }
      index += 1
    }
    return text.count
  }
}
