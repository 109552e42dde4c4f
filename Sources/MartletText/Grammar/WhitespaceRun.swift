/// The white space at the end of a text so far. JSON allows any amount between its tokens, and small models under a mask
/// are fond of it: behind `maxLineBreaks` line breaks in a row a generation writes no further ones, behind `maxBytes`
/// bytes no white space alone. Tokens of white space and something else stay allowed, so that no text is lost.
struct WhitespaceRun: Sendable {
  static let maxLineBreaks = 2
  static let maxBytes = 64

  private var byteCount = 0
  private var lineBreaks = 0

  mutating func take(_ text: [UInt8]) {
    for byte in text {
      switch byte {
      case 0x20, 0x09, 0x0D: byteCount += 1
      case 0x0A: (byteCount, lineBreaks) = (byteCount + 1, lineBreaks + 1)
      default: (byteCount, lineBreaks) = (0, 0)
      }
    }
  }

  /// The tokens that may not come next where white space is free; nil for all may.
  func excluded(_ vocabulary: GrammarVocabulary) -> TokenMask? {
    if byteCount >= Self.maxBytes { return vocabulary.whitespaceTokens }
    return lineBreaks >= Self.maxLineBreaks ? vocabulary.lineBreakTokens : nil
  }
}
