package import MartletCore

/// Text of a growing list of tokens, a piece at a time. Never emits half a character, never decodes a token twice:
/// the pieces joined equal `Tokenizer.decode` of all tokens.
package struct IncrementalDetokenizer {
  package init(tokenizer: Tokenizer, skipSpecialTokens: Bool = true) {}
  /// The characters that `token` completes; empty while a character is unfinished.
  package mutating func append(_ token: TokenID) -> String { "" }
  /// What is left at the end: unfinished bytes as U+FFFD.
  package mutating func finish() -> String { "" }
}
