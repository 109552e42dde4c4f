/// Finds added tokens in text: the longest one at the leftmost place.
struct AddedTokenMatcher: Sendable {
  struct Match {
    let range: Range<Int>
    let id: Int32
  }

  private let tokens: [TokenizerDescription.AddedToken]
  private let contents: SpellingTable
  /// Lengths of the tokens by their first byte, longest first.
  private let lengths: [[Int]]
  private let begins: [Bool]

  /// - Parameter contents: what is looked for, for each of `tokens`.
  init(_ tokens: [TokenizerDescription.AddedToken], contents: [[UInt8]]) {
    self.tokens = tokens
    var list = TokenList()
    var lengths = [Set<Int>](repeating: [], count: 256)
    for content in contents {
      list.append(content)
      if let first = content.first { lengths[Int(first)].insert(content.count) }
    }
    self.contents = SpellingTable(list)
    self.lengths = lengths.map { $0.sorted(by: >) }
    begins = self.lengths.map { !$0.isEmpty }
  }

  var isEmpty: Bool { tokens.isEmpty }

  func matches(in text: UnsafeBufferPointer<UInt8>, includeSpecial: Bool) -> [Match] {
    guard !isEmpty else { return [] }
    var matches: [Match] = []
    var position = 0
    unsafe begins.withUnsafeBufferPointer { begins in
      while position < text.count {
        guard unsafe begins[Int(text[position])],
          let (token, length) = unsafe token(at: position, in: text, includeSpecial: includeSpecial)
        else {
          position += 1
          continue
        }
        var start = position, end = position + length
        position = end
        if token.singleWord, unsafe Self.isWord(before: start, in: text) || Self.isWord(at: end, in: text) { continue }
        if token.leftStrip {
          let floor = matches.last?.range.upperBound ?? 0
          while start > floor, let space = unsafe Self.space(before: start, in: text) { start -= space }
          start = max(start, floor)
        }
        if token.rightStrip { while let space = unsafe Self.space(at: end, in: text) { end += space } }
        matches.append(Match(range: start..<end, id: token.id))
        position = end
      }
    }
    return matches
  }

  private func token(
    at position: Int, in text: UnsafeBufferPointer<UInt8>, includeSpecial: Bool
  ) -> (TokenizerDescription.AddedToken, Int)? {
    for length in unsafe lengths[Int(text[position])] where position + length <= text.count {
      let spelling = unsafe UnsafeBufferPointer(rebasing: text[position..<position + length])
      guard let index = unsafe contents.find(spelling) else { continue }
      let token = tokens[Int(index)]
      if includeSpecial || !token.special { return (token, length) }
    }
    return nil
  }

  private static func scalar(at position: Int, in text: UnsafeBufferPointer<UInt8>) -> (Unicode.Scalar, Int)? {
    guard position < text.count else { return nil }
    let length = unsafe min(UTF8Length.of(text[position]), text.count - position)
    let bytes = unsafe text[position..<position + length]
    return unsafe String(decoding: bytes, as: UTF8.self).unicodeScalars.first.map { ($0, length) }
  }

  private static func scalar(before position: Int, in text: UnsafeBufferPointer<UInt8>) -> (Unicode.Scalar, Int)? {
    var start = position - 1
    while start > 0, unsafe text[start] & 0xC0 == 0x80 { start -= 1 }
    return start >= 0 ? unsafe scalar(at: start, in: text) : nil
  }

  private static func space(at position: Int, in text: UnsafeBufferPointer<UInt8>) -> Int? {
    unsafe scalar(at: position, in: text).flatMap { $0.0.properties.isWhitespace ? $0.1 : nil }
  }

  private static func space(before position: Int, in text: UnsafeBufferPointer<UInt8>) -> Int? {
    unsafe scalar(before: position, in: text).flatMap { $0.0.properties.isWhitespace ? $0.1 : nil }
  }

  private static func isWord(at position: Int, in text: UnsafeBufferPointer<UInt8>) -> Bool {
    unsafe scalar(at: position, in: text).map { isWord($0.0) } ?? false
  }

  private static func isWord(before position: Int, in text: UnsafeBufferPointer<UInt8>) -> Bool {
    unsafe scalar(before: position, in: text).map { isWord($0.0) } ?? false
  }

  /// A word character by Unicode's recommendation for regular expressions (UTS #18).
  private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.properties.isAlphabetic || scalar.properties.isJoinControl { return true }
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: return true
    default: return false
    }
  }
}
