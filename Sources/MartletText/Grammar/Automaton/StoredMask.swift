/// A mask as it is kept: most masks have a few tokens, and a list of these is far smaller.
enum StoredMask: Sendable {
  case few([Int32])
  case many(TokenMask)

  private static let mostListed = 256

  init(_ mask: TokenMask) {
    self = mask.tokens(atMost: Self.mostListed).map { .few($0) } ?? .many(mask)
  }

  func mask(wordCount: Int) -> TokenMask {
    switch self {
    case .few(let tokens):
      var mask = TokenMask(wordCount: wordCount)
      for token in tokens { mask.insert(token) }
      return mask
    case .many(let mask): return mask
    }
  }

  /// Rough memory.
  var byteCount: Int {
    switch self {
    case .few(let tokens): tokens.count * 4 + 64
    case .many(let mask): mask.words.count * 4 + 64
    }
  }
}
