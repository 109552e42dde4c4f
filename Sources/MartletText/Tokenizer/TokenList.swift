/// Spellings of all tokens in one block of bytes.
package struct TokenList: Sendable {
  private(set) var bytes: [UInt8]
  /// count + 1 offsets.
  private(set) var offsets: [Int]

  package init() {
    bytes = []
    offsets = [0]
  }

  /// - Parameter offsets: ascending, from 0 to `bytes.count`.
  package init(bytes: [UInt8], offsets: [Int]) throws(TokenizerError) {
    guard offsets.first == 0, offsets.last == bytes.count, zip(offsets, offsets.dropFirst()).allSatisfy({ $0 <= $1 }),
      offsets.count <= 1 << 24
    else { throw TokenizerError(field: "tokens", problem: "offsets are not ascending") }
    self.bytes = bytes
    self.offsets = offsets
  }

  package var count: Int { offsets.count - 1 }

  package mutating func append(_ spelling: some Sequence<UInt8>) {
    bytes.append(contentsOf: spelling)
    offsets.append(bytes.count)
  }

  package subscript(index: Int) -> ArraySlice<UInt8> { bytes[offsets[index]..<offsets[index + 1]] }

  func string(_ index: Int) -> String { String(decoding: self[index], as: UTF8.self) }
}
