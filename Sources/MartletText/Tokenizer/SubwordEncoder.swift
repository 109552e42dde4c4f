/// Turns one word into token ids.
protocol SubwordEncoder: Sendable {
  func encode(_ word: Slice<UnsafeBufferPointer<UInt8>>, into tokens: inout [Int32])
  func encode(_ word: [UInt8], into tokens: inout [Int32])
}
