/// A tokenizer as its files describe it, before the lookup tables are built.
package struct TokenizerDescription: Sendable {
  package enum Model: Sendable {
    /// Spellings are in GPT-2's printable form of bytes.
    case byteLevelBPE(merges: MergeList, ignoreMerges: Bool)
    /// Spellings are UTF-8 with U+2581 for spaces; pieces merge by score (SentencePiece), or by rank where merges are given.
    case sentencePieceBPE(scores: [Float], merges: MergeList?)
    /// Pieces are chosen for the best total score (Kudo, 2018).
    case unigram(scores: [Float])
  }

  package struct AddedToken: Sendable {
    package var id: Int32
    package var content: String
    package var special: Bool
    /// The token takes the whitespace in front of it, or behind it.
    package var leftStrip = false
    package var rightStrip = false
    /// The token counts only between characters that are no word characters.
    package var singleWord = false
    /// The token is looked for in normalised text.
    package var normalized = false
    package init(id: Int32, content: String, special: Bool) {
      self.id = id
      self.content = content
      self.special = special
    }
  }

  /// What decoding takes from the front of a text because encoding had put it there.
  package enum LeadingSpace: Sendable {
    case kept, oneDropped, allOfFirstTokenDropped
  }

  package var model: Model
  package var tokens: TokenList
  package var added: [AddedToken] = []
  /// Applied in order to the text between added tokens.
  package var normalizers: [NormalizationStep] = []
  /// Applied in order to the pieces of the one before.
  package var splitters: [SplitStep] = []
  package var leadingSpace = LeadingSpace.kept
  /// Byte tokens `<0xNN>` stand for single bytes.
  package var byteFallback = false
  /// Neighbouring unknown characters are one unknown token.
  package var fusesUnknown = true
  package var unknown: Int32?
  package var begin: Int32?
  package var end: Int32?
  /// What encoding with special tokens puts around a text.
  package var prefix: [Int32] = []
  package var suffix: [Int32] = []
  package var endOfTurn: [Int32] = []

  package init(model: Model, tokens: TokenList) {
    self.model = model
    self.tokens = tokens
  }
}
