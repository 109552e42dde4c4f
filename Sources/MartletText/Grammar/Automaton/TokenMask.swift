/// A set of tokens, bit t of word t / 32.
struct TokenMask: Sendable, Equatable {
  private(set) var words: [UInt32]

  init(wordCount: Int) { words = [UInt32](repeating: 0, count: wordCount) }

  init(words: [UInt32]) { self.words = words }

  var isEmpty: Bool { words.allSatisfy { $0 == 0 } }
  var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

  /// Ascending; nil when there are more than `limit`.
  func tokens(atMost limit: Int) -> [Int32]? {
    var list: [Int32] = []
    for (index, word) in words.enumerated() where word != 0 {
      guard list.count + word.nonzeroBitCount <= limit else { return nil }
      var rest = word
      while rest != 0 {
        list.append(Int32(index * 32 + rest.trailingZeroBitCount))
        rest &= rest - 1
      }
    }
    return list
  }

  func contains(_ token: Int32) -> Bool {
    let word = Int(token >> 5)
    return token >= 0 && word < words.count && words[word] >> UInt32(token & 31) & 1 == 1
  }

  mutating func insert(_ token: Int32) { words[Int(token >> 5)] |= 1 << UInt32(token & 31) }
  mutating func remove(_ token: Int32) { words[Int(token >> 5)] &= ~(1 << UInt32(token & 31)) }

  mutating func formUnion(_ other: TokenMask) {
    unsafe words.withUnsafeMutableBufferPointer { own in
      unsafe other.words.withUnsafeBufferPointer { others in
        for index in 0..<min(own.count, others.count) { unsafe own[index] |= others[index] }
      }
    }
  }

  mutating func subtract(_ other: TokenMask) {
    for index in 0..<min(words.count, other.words.count) { words[index] &= ~other.words[index] }
  }

  /// The words, which the mask no longer has: for changes without copies.
  mutating func takeWords() -> [UInt32] {
    defer { words = [] }
    return words
  }

  /// Calls `body` with the words for changes in bulk.
  mutating func edit<Result>(_ body: (UnsafeMutableBufferPointer<UInt32>) -> Result) -> Result {
    unsafe words.withUnsafeMutableBufferPointer { unsafe body($0) }
  }
}
