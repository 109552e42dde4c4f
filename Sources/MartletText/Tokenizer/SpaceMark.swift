/// U+2581, which stands for a space in SentencePiece's spellings.
enum SpaceMark {
  static let bytes: [UInt8] = [0xE2, 0x96, 0x81]

  /// Each token's bytes in running text: marks become spaces, byte tokens their byte.
  /// - Parameter normalized: spellings of tokens that are looked for in normalised text.
  static func pieces(_ description: TokenizerDescription, normalized: [Int32: [UInt8]]) -> TokenList {
    var pieces = TokenList()
    pieces.reserve(count: description.tokens.count, bytes: description.tokens.bytes.count)
    let added = Set(description.added.map(\.id))
    var buffer: [UInt8] = []
    for id in 0..<description.tokens.count {
      let content = normalized[Int32(id)]
      let spelling = content?[...] ?? description.tokens[id]
      if description.byteFallback, let byte = byteValue(spelling) {
        pieces.append(CollectionOfOne(byte))
      } else if content == nil && added.contains(Int32(id)) || !spelling.contains(0xE2) {
        pieces.append(spelling)
      } else {
        unmark(spelling, into: &buffer)
        pieces.append(buffer)
      }
    }
    return pieces
  }

  private static func byteValue(_ spelling: ArraySlice<UInt8>) -> UInt8? {
    guard spelling.count == 6, spelling.first == UInt8(ascii: "<"), spelling.starts(with: "<0x".utf8),
      spelling.last == UInt8(ascii: ">")
    else { return nil }
    return UInt8(String(decoding: spelling.dropFirst(3).dropLast(), as: UTF8.self), radix: 16)
  }

  private static func unmark(_ spelling: ArraySlice<UInt8>, into result: inout [UInt8]) {
    result.removeAll(keepingCapacity: true)
    var index = spelling.startIndex
    while index < spelling.endIndex {
      if spelling[index] == bytes[0], spelling[index...].starts(with: bytes) {
        result.append(0x20)
        index += 3
      } else {
        result.append(spelling[index])
        index += 1
      }
    }
  }
}
