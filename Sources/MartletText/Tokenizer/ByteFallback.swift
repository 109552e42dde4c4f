/// What stands for characters that the vocabulary lacks: tokens of their bytes, or the unknown token.
struct ByteFallback: Sendable {
  private let byteTokens: [Int32]
  private let unknown: Int32?
  private let fusesUnknown: Bool

  init(_ description: TokenizerDescription, spellings: SpellingTable) {
    unknown = description.unknown
    fusesUnknown = description.fusesUnknown
    guard description.byteFallback else {
      byteTokens = []
      return
    }
    byteTokens = (0..<256).map { byte in
      let hex = String(byte, radix: 16, uppercase: true)
      return spellings.find("<0x\(hex.count < 2 ? "0" : "")\(hex)>") ?? -1
    }
  }

  /// - Parameter afterUnknown: the character before was unknown too.
  /// - Returns: whether the unknown token stands for the character.
  func encode(_ character: UnsafeBufferPointer<UInt8>, afterUnknown: Bool, into result: inout [Int32]) -> Bool {
    if !byteTokens.isEmpty, unsafe character.allSatisfy({ byteTokens[Int($0)] >= 0 }) {
      for index in 0..<character.count { result.append(unsafe byteTokens[Int(character[index])]) }
      return false
    }
    guard let unknown else { return false }
    if !afterUnknown || !fusesUnknown { result.append(unknown) }
    return true
  }
}
