/// The `tokenizer.ggml.*` values of a GGUF file.
package struct GGUFTokenizerMetadata: Sendable {
  package var model = ""
  package var preTokenizer = "default"
  package var tokens = TokenList()
  package var scores: [Float] = []
  /// 1 normal, 2 unknown, 3 control, 4 user defined, 5 unused, 6 byte.
  package var tokenTypes: [Int32] = []
  package var merges: TokenList?
  package var begin: Int?
  package var end: Int?
  package var endOfTurn: [Int] = []
  package var unknown: Int?
  package var addsBegin: Bool?
  package var addsEnd: Bool?
  package var addsSpacePrefix: Bool?
  /// SentencePiece's compiled normalisation rules (`precompiled_charsmap`).
  package var characterMap: [UInt8]?
  /// `remove_extra_whitespaces`.
  package var removesExtraSpaces: Bool?
  package init() {}
}
