/// Finds added tokens in text: the longest one at the leftmost place.
struct AddedTokenMatcher: Sendable {
  struct Match {
    let range: Range<Int>
    let id: Int32
  }

  private struct Entry {
    let bytes: [UInt8]
    let token: TokenizerDescription.AddedToken
  }

  /// By first byte, longest first.
  private let entries: [[Entry]]
  private let isEmpty: Bool

  init(_ tokens: [TokenizerDescription.AddedToken]) {
    var entries = [[Entry]](repeating: [], count: 256)
    for token in tokens {
      let bytes = Array(token.content.utf8)
      guard let first = bytes.first else { continue }
      entries[Int(first)].append(Entry(bytes: bytes, token: token))
    }
    self.entries = entries.map { $0.sorted { $0.bytes.count > $1.bytes.count } }
    isEmpty = tokens.isEmpty
  }

  func matches(in text: UnsafeBufferPointer<UInt8>, includeSpecial: Bool) -> [Match] {
    guard !isEmpty else { return [] }
    var matches: [Match] = []
    var position = 0
    while position < text.count {
      guard let entry = unsafe entry(at: position, in: text, includeSpecial: includeSpecial) else {
        position += 1
        continue
      }
      var start = position, end = position + entry.bytes.count
      if entry.token.leftStrip {
        let floor = matches.last?.range.upperBound ?? 0
        while start > floor, unsafe Self.isSpace(text[start - 1]) { start -= 1 }
      }
      if entry.token.rightStrip { while end < text.count, unsafe Self.isSpace(text[end]) { end += 1 } }
      matches.append(Match(range: start..<end, id: entry.token.id))
      position = end
    }
    return matches
  }

  private func entry(at position: Int, in text: UnsafeBufferPointer<UInt8>, includeSpecial: Bool) -> Entry? {
    unsafe entries[Int(text[position])].first { entry in
      guard includeSpecial || !entry.token.special, position + entry.bytes.count <= text.count else { return false }
      for index in 0..<entry.bytes.count where unsafe text[position + index] != entry.bytes[index] { return false }
      guard entry.token.singleWord else { return true }
      let end = position + entry.bytes.count
      return unsafe (position == 0 || !Self.isWord(text[position - 1]))
        && (end == text.count || !Self.isWord(text[end]))
    }
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

  private static func isWord(_ byte: UInt8) -> Bool {
    byte >= 0x80 || byte == UInt8(ascii: "_") || CharacterKind.ascii[Int(byte)] == .letter
      || CharacterKind.ascii[Int(byte)] == .number
  }
}
