package import MartletCore

/// Turns text into token ids and back. Immutable and safe to share between threads.
package final class Tokenizer: Sendable {
  package init() {}
  /// Ids 0..<vocabularySize may appear.
  package var vocabularySize: Int { 0 }
  package var beginToken: TokenID? { nil }
  /// All tokens that end a turn by the model's own files (eos, eot, ...).
  package var endTokens: [TokenID] { [] }

  /// - Parameters:
  ///   - addSpecialTokens: put what the model's post-processor puts around a text (usually a begin token).
  ///   - parseSpecialTokens: recognise special tokens written in the text; off, their spelling is plain text.
  package func encode(_ text: String, addSpecialTokens: Bool, parseSpecialTokens: Bool = true) -> [TokenID] { [] }
  /// The whole text of `tokens`; invalid UTF-8 becomes U+FFFD.
  package func decode(_ tokens: [TokenID], skipSpecialTokens: Bool) -> String { "" }
  /// The bytes a token stands for in running text; empty for unknown ids.
  package func bytes(of token: TokenID) -> [UInt8] { [] }
  package func isSpecial(_ token: TokenID) -> Bool { false }
  package func token(spelled text: String) -> TokenID? { nil }
}
