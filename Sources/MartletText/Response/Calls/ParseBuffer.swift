/// The text that a parser has not consumed yet, as UTF-8.
struct ParseBuffer: Sendable {
  private var storage: [UInt8] = []
  private var start = 0
  /// No more text will come: what is undecided now stays undecided.
  private(set) var isComplete = false
  /// Bytes consumed so far.
  private(set) var position = 0

  var count: Int { storage.count - start }
  var isEmpty: Bool { count == 0 }

  /// The byte at `index`, counted from the first that is not consumed; nil behind the end.
  subscript(index: Int) -> UInt8? {
    let place = start + index
    return index >= 0 && place < storage.count ? storage[place] : nil
  }

  /// - Complexity: O(bytes), and O(what is not consumed) now and then.
  mutating func append(_ bytes: some Sequence<UInt8>) {
    if start > 0 {
      storage.removeFirst(start)
      start = 0
    }
    storage += bytes
  }

  mutating func complete() { isComplete = true }

  mutating func consume(_ length: Int) {
    let length = min(max(0, length), count)
    start += length
    position += length
  }

  func slice(_ range: Range<Int>) -> ArraySlice<UInt8> {
    let range = range.clamped(to: 0..<count)
    return storage[start + range.lowerBound..<start + range.upperBound]
  }

  /// Consumes `length` bytes and returns them.
  mutating func take(_ length: Int) -> ArraySlice<UInt8> {
    let slice = slice(0..<max(0, length))
    consume(slice.count)
    return slice
  }

  /// Consumes what the first matching pattern matches and returns its value; `partial` while one that does not match may.
  mutating func take<Value>(firstOf patterns: [(pattern: TextPattern?, value: Value)]) -> PatternMatch<Value> {
    var isUndecided = false
    for (pattern, value) in patterns {
      switch pattern?.match(self) {
      case .match(let result)?:
        consume(result.length)
        return .match(value)
      case .partial?: isUndecided = true
      case .mismatch?, nil: continue
      }
    }
    return isUndecided ? .partial : .mismatch
  }

  /// Whether `tag` stands at `index`; nil while the text so far is a beginning of it.
  func has(_ tag: [UInt8], at index: Int) -> Bool? {
    let present = slice(index..<index + tag.count)
    guard present.elementsEqual(tag[..<present.count]) else { return false }
    return present.count == tag.count ? true : nil
  }

  /// The first index from `index` on whose byte is no JSON white space; `count` when there is none.
  func skipWhitespace(from index: Int) -> Int {
    var index = index
    while let byte = self[index], byte.isWhitespace { index += 1 }
    return index
  }
}

extension UInt8 {
  var isWhitespace: Bool { self == 0x20 || self == 0x0A || self == 0x0D || self == 0x09 }
}
