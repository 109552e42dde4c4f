import MartletText

/// The vocabulary that forms of output are checked for; built once for many of them.
public struct CheckedVocabulary: Sendable {
  private let vocabulary: GrammarVocabulary

  /// - Parameter model: nil: a vocabulary of the 256 bytes.
  public init(_ model: ModelTokenizer?) {
    vocabulary = model.map { GrammarVocabulary(tokenizer: $0.tokenizer) } ?? GrammarVocabulary.bytes()
  }

  /// Compiles `form` and walks it `walks` times with random tokens.
  /// - Throws: `MartletError` when the form cannot be enforced.
  public func check(_ form: OutputForm, walks: Int, seed: UInt64) throws -> GrammarCheck {
    try GrammarCheck(form, vocabulary: vocabulary, walks: walks, seed: seed)
  }

  /// Compiles `form` and follows texts, given as tokens, with a mask before each token.
  /// - Throws: `MartletError` when the form cannot be enforced.
  public func follow(_ form: OutputForm, texts: [[Int32]]) throws -> GrammarTrace {
    try GrammarTrace(form, vocabulary: vocabulary, texts: texts)
  }
}
