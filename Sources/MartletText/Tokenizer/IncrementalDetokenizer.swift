package import MartletCore

/// Text of a growing list of tokens, a piece at a time. Never emits half a character, never decodes a token twice: the
/// pieces joined equal `Tokenizer.decode` of all tokens.
package struct IncrementalDetokenizer: Sendable {
  private let tokenizer: Tokenizer
  private let skipSpecialTokens: Bool
  private let keptTokens: Set<TokenID>
  /// The beginning of a character whose end has not come yet; at most 3 bytes.
  private var pending: [UInt8] = []
  private var leadingSpace: TokenizerDescription.LeadingSpace

  /// - Parameter keptTokens: special tokens that are not skipped.
  package init(tokenizer: Tokenizer, skipSpecialTokens: Bool = true, keptTokens: Set<TokenID> = []) {
    self.tokenizer = tokenizer
    self.keptTokens = keptTokens
    self.skipSpecialTokens = skipSpecialTokens
    leadingSpace = tokenizer.leadingSpace
  }

  /// The characters that `token` completes; empty while a character is unfinished.
  package mutating func append(_ token: TokenID) -> String {
    if skipSpecialTokens, tokenizer.isSpecial(token), !keptTokens.contains(token) { return "" }
    var bytes = tokenizer.bytes(of: token)
    guard !bytes.isEmpty else { return "" }
    switch leadingSpace {
    case .kept: break
    case .oneDropped: if bytes.first == 0x20 { bytes.removeFirst() }
    case .allOfFirstTokenDropped: bytes.removeAll { $0 == 0x20 }
    }
    leadingSpace = .kept
    pending += bytes
    let complete = Self.completeLength(pending)
    let text = String(decoding: pending[..<complete], as: UTF8.self)
    pending.removeFirst(complete)
    return text
  }

  /// What is left at the end: unfinished bytes as U+FFFD.
  package mutating func finish() -> String {
    defer { pending = [] }
    return String(decoding: pending, as: UTF8.self)
  }

  /// Bytes in front of a trailing sequence that more bytes could still complete.
  private static func completeLength(_ bytes: [UInt8]) -> Int {
    var start = bytes.count - 1
    while start >= 0, bytes.count - start < 4, bytes[start] & 0xC0 == 0x80 { start -= 1 }
    guard start >= 0 else { return bytes.count }
    let lead = bytes[start], have = bytes.count - start
    let need =
      (0xC2...0xDF).contains(lead) ? 2 : (0xE0...0xEF).contains(lead) ? 3 : (0xF0...0xF4).contains(lead) ? 4 : 1
    guard have < need else { return bytes.count }
    // A second byte outside the lead's range can never be completed.
    if have > 1 {
      let second = bytes[start + 1]
      let range: ClosedRange<UInt8> =
        lead == 0xE0
        ? 0xA0...0xBF
        : lead == 0xED ? 0x80...0x9F : lead == 0xF0 ? 0x90...0xBF : lead == 0xF4 ? 0x80...0x8F : 0x80...0xBF
      guard range.contains(second) else { return bytes.count }
    }
    return start
  }
}
