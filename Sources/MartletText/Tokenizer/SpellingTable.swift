/// Token ids by spelling: an open-addressing table over the token list's own bytes.
struct SpellingTable: Sendable {
  private let tokens: TokenList
  private var ids: [Int32]
  private let mask: Int

  init(_ tokens: TokenList) {
    self.tokens = tokens
    var size = 16
    while size < tokens.count * 2 { size *= 2 }
    ids = Array(repeating: -1, count: size)
    mask = size - 1
    for id in 0..<tokens.count where !tokens[id].isEmpty {
      var index = Self.hash(tokens[id]) & mask
      while ids[index] >= 0, tokens[Int(ids[index])] != tokens[id] { index = (index + 1) & mask }
      if ids[index] < 0 { ids[index] = Int32(id) }
    }
  }

  /// FNV-1a with a final mix.
  private static func hash(_ bytes: some Sequence<UInt8>) -> Int {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return Int(truncatingIfNeeded: (hash ^ hash >> 29) & 0x7fff_ffff_ffff)
  }

  func find(_ spelling: some Collection<UInt8>) -> Int32? {
    var index = Self.hash(spelling) & mask
    while ids[index] >= 0 {
      if tokens[Int(ids[index])].elementsEqual(spelling) { return ids[index] }
      index = (index + 1) & mask
    }
    return nil
  }
}
