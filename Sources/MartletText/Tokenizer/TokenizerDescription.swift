/// A tokenizer as its files describe it, before the lookup tables are built.
package struct TokenizerDescription: Sendable {
  package enum Model: Sendable {
    /// Spellings are in GPT-2's printable form of bytes; merges are "left right" in rank order.
    case byteLevelBPE(merges: TokenList, ignoreMerges: Bool)
    /// Spellings are UTF-8 with U+2581 for spaces; pieces merge by score (SentencePiece), or by rank where merges are given.
    case sentencePieceBPE(scores: [Float], merges: TokenList?)
    /// Pieces are chosen for the best total score (Kudo, 2018).
    case unigram(scores: [Float])
  }

  package struct AddedToken: Sendable {
    package var id: Int32
    package var content: String
    package var special: Bool
    package var leftStrip = false
    package var rightStrip = false
    package var singleWord = false
    package init(id: Int32, content: String, special: Bool) {
      self.id = id
      self.content = content
      self.special = special
    }
  }

  package var model: Model
  package var tokens: TokenList
  package var added: [AddedToken] = []
  package var splitter = TextSplitter.none
  /// SentencePiece: a space in front of the text.
  package var addsDummyPrefix = false
  /// Byte tokens `<0xNN>` stand for single bytes.
  package var byteFallback = false
  package var normalizesNFC = false
  package var unknown: Int32?
  package var begin: Int32?
  package var end: Int32?
  package var addsBegin = false
  package var addsEnd = false
  package var endOfTurn: [Int32] = []

  package init(model: Model, tokens: TokenList) {
    self.model = model
    self.tokens = tokens
  }
}
