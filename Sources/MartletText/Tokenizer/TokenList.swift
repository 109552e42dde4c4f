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

  mutating func reserve(count: Int, bytes size: Int) {
    offsets.reserveCapacity(count + 1)
    bytes.reserveCapacity(size)
  }

  package mutating func append(_ spelling: some Sequence<UInt8>) {
    bytes.append(contentsOf: spelling)
    offsets.append(bytes.count)
  }

  mutating func append(_ first: ArraySlice<UInt8>, _ second: ArraySlice<UInt8>) {
    bytes.append(contentsOf: first)
    bytes.append(contentsOf: second)
    offsets.append(bytes.count)
  }

  package subscript(index: Int) -> ArraySlice<UInt8> { bytes[offsets[index]..<offsets[index + 1]] }

  func length(_ index: Int) -> Int { offsets[index + 1] - offsets[index] }

  func string(_ index: Int) -> String { String(decoding: self[index], as: UTF8.self) }
}
