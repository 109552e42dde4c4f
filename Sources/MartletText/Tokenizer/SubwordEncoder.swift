/// Turns one word into token ids.
protocol SubwordEncoder: Sendable {
  func encode(_ word: UnsafeBufferPointer<UInt8>, into tokens: inout [Int32])
}
