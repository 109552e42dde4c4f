import Foundation

/// SentencePiece's compiled normalisation rules: a double-array trie (Darts) from spellings to places in a block of
/// strings that end in zeros.
package struct CharacterMap: Sendable {
  private let units: [UInt32]
  private let strings: [UInt8]
  /// What becomes of each ASCII character that stands alone.
  private var ascii: [[UInt8]] = []

  /// - Parameter blob: the trie's size in bytes (32 bits, little endian), the trie, the strings.
  package init(_ blob: [UInt8]) throws(TokenizerError) {
    func word(_ place: Int) -> UInt32 {
      (0..<4).reduce(0) { $0 | UInt32(blob[place + $1]) << UInt32(8 * $1) }
    }
    guard blob.count >= 4, Int(word(0)) % 4 == 0, Int(word(0)) >= 4, Int(word(0)) <= blob.count - 4 else {
      throw TokenizerError(field: "precompiled_charsmap", problem: "is cut short")
    }
    let size = Int(word(0))
    units = (0..<size / 4).map { word(4 + 4 * $0) }
    strings = Array(blob[(4 + size)...])
    ascii = (0..<0x80).map { byte in replacement([byte]).map(Array.init) ?? [byte] }
  }

  /// The replacement of the shortest rule that `text` begins with; nil when there is none. Units that lead out of a
  /// faulty trie end the search.
  private func replacement(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    var node = Self.offset(units[0])
    for byte in text where byte != 0 {
      node ^= Int(byte)
      guard node < units.count, units[node] & 0x8000_00FF == UInt32(byte) else { return nil }
      let unit = units[node]
      node ^= Self.offset(unit)
      guard node < units.count else { return nil }
      guard unit >> 8 & 1 == 1 else { continue }
      let start = Int(units[node] & 0x7FFF_FFFF)
      guard start < strings.count else { return nil }
      return strings[start...].prefix { $0 != 0 }
    }
    return nil
  }

  private static func offset(_ unit: UInt32) -> Int { Int((unit >> 10) << ((unit & 1 << 9) >> 6)) }

  /// Follows the reference implementation: a grapheme cluster under six bytes is replaced as a whole when a rule matches
  /// its beginning, other clusters character by character.
  func apply(_ text: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(text.count + text.count / 8)
    var index = 0
    while index < text.count {
      // Two ASCII characters are two clusters, but for CR LF; anything else is left to the search for clusters.
      var end = index + 1
      while end < text.count, text[end - 1] | text[end] >= 0x80 || (text[end - 1] == 0x0D && text[end] == 0x0A) {
        end += 1
      }
      if end == index + 1, text[index] < 0x80 {
        result += ascii[Int(text[index])]
      } else {
        applyByCluster(String(decoding: text[index..<end], as: UTF8.self), into: &result)
      }
      index = end
    }
    return result
  }

  private func applyByCluster(_ text: String, into result: inout [UInt8]) {
    for cluster in text {
      let bytes = Array(cluster.utf8)
      if bytes.count < 6, let whole = replacement(bytes[...]) {
        result += whole
        continue
      }
      var index = 0
      while index < bytes.count {
        let character = bytes[index..<min(bytes.count, index + UTF8Length.of(bytes[index]))]
        result += replacement(character) ?? character
        index = character.endIndex
      }
    }
  }
}

extension CharacterMap {
  init(base64: String) throws(TokenizerError) {
    guard let data = Data(base64Encoded: base64) else {
      throw TokenizerError(field: "precompiled_charsmap", problem: "is not base64")
    }
    try self.init(Array(data))
  }
}
