package import MartletCore

/// What all grammars of one tokenizer share: the trie of its tokens, and expressions with what the vocabulary
/// looks like from their states. Immutable.
package final class GrammarVocabulary: Sendable {
  package let trie: TokenTrie
  private let plain: SharedExpressions
  private let formats: SharedExpressions
  /// Added tokens by their spelling, for grammars whose text names them.
  let specialTokens: [String: Int32]
  /// The same tokens.
  private let named: TokenMask
  /// Tokens of white space alone, as JSON knows it.
  let whitespaceTokens: TokenMask
  /// Those of them with a line break.
  let lineBreakTokens: TokenMask
  private let spellings: TokenList
  private let tokenizer: Tokenizer?

  /// - Complexity: O(n log n) in the vocabulary; about 0.2 s for 150,000 tokens.
  package convenience init(tokenizer: Tokenizer) {
    let count = tokenizer.vocabularySize
    var spellings = TokenList()
    var special: Set<Int32> = []
    for token in 0..<Int32(clamping: count) {
      let id = TokenID(token)
      spellings.append(tokenizer.bytes(of: id))
      if tokenizer.isSpecial(id) { special.insert(token) }
    }
    self.init(spellings: spellings, special: special, tokenizer: tokenizer)
  }

  /// - Parameter special: tokens that are no text; their spelling is their name.
  package init(spellings: TokenList, special: Set<Int32>, tokenizer: Tokenizer? = nil) {
    self.spellings = spellings
    self.tokenizer = tokenizer
    var names: [String: Int32] = [:]
    for token in special { names[spellings.string(Int(token))] = token }
    specialTokens = names
    let trie = TokenTrie(vocabularySize: spellings.count, special: special) { Array(spellings[Int($0)]) }
    self.trie = trie
    var named = TokenMask(wordCount: trie.wordCount)
    for token in names.values { named.insert(token) }
    self.named = named
    CharacterClass.prepare()
    (whitespaceTokens, lineBreakTokens) = Self.whitespace(spellings, special, trie.wordCount)
    plain = SharedExpressions(trie)
    formats = plain.withFormats(trie)
  }

  private static func whitespace(
    _ spellings: TokenList, _ special: Set<Int32>, _ wordCount: Int
  ) -> (all: TokenMask, lineBreaks: TokenMask) {
    var (all, lineBreaks) = (TokenMask(wordCount: wordCount), TokenMask(wordCount: wordCount))
    for token in 0..<spellings.count where !special.contains(Int32(token)) {
      let text = spellings[token]
      guard !text.isEmpty, text.allSatisfy({ [0x20, 0x09, 0x0A, 0x0D].contains($0) }) else { continue }
      all.insert(Int32(token))
      if text.contains(0x0A) { lineBreaks.insert(Int32(token)) }
    }
    return (all, lineBreaks)
  }

  /// What a grammar begins with.
  func shared(for source: GrammarSource) -> SharedExpressions { source.mentionsFormat ? formats : plain }

  /// A vocabulary of the 256 bytes.
  package static func bytes() -> GrammarVocabulary {
    var spellings = TokenList()
    for byte in UInt8.min...UInt8.max { spellings.append([byte]) }
    return GrammarVocabulary(spellings: spellings, special: [])
  }

  package var vocabularySize: Int { spellings.count }

  /// A token's text, or the name of a special token; empty for unknown ids.
  package func spelling(of token: TokenID) -> [UInt8] {
    token.rawValue >= 0 && Int(token.rawValue) < spellings.count ? Array(spellings[Int(token.rawValue)]) : []
  }

  /// The bytes by which a grammar sees a token: its text, or a mark for special tokens. Empty for unknown ids and
  /// for bytes that UTF-8 never has.
  func bytes(of token: Int32) -> [UInt8] {
    guard token >= 0, Int(token) < spellings.count else { return [] }
    if named.contains(token) { return TokenTrie.specialSpelling(token) }
    let text = spellings[Int(token)]
    return text.contains { $0 > 0xF4 } ? [] : Array(text)
  }

  /// Whether it is known how a text is cut into tokens.
  var canEncode: Bool { tokenizer != nil }

  /// The tokens of a text behind the token `seam`; empty where the tokenizer writes something else.
  func encode(_ text: [UInt8], behind seam: [UInt8]) -> [TokenID] {
    if let tokens = encode(seam + text), let first = tokens.first, !seam.isEmpty, bytes(of: first.rawValue) == seam {
      return Array(tokens.dropFirst())
    }
    return encode(text) ?? []
  }

  private func encode(_ text: [UInt8]) -> [TokenID]? {
    guard let tokenizer, !text.isEmpty, let string = String(validating: text, as: UTF8.self) else { return nil }
    let tokens = tokenizer.encode(string, addSpecialTokens: false, parseSpecialTokens: false)
    return tokens.flatMap { spellings[Int($0.rawValue)] } == text ? tokens : nil
  }

  /// Whether a token of `mask` begins with the whole of another.
  func hasLonger(than token: TokenID, in mask: [UInt32]) -> Bool {
    let text = bytes(of: token.rawValue)
    for (index, word) in mask.enumerated() where word != 0 {
      for bit in 0..<Int32(32) where word >> UInt32(bit) & 1 == 1 {
        let other = bytes(of: Int32(index) * 32 + bit)
        if other.count > text.count, other.starts(with: text) { return true }
      }
    }
    return false
  }
}
