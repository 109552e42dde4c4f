package import MartletCore

/// Turns text into token ids and back. Immutable and safe to share between threads.
package final class Tokenizer: Sendable {
  private let description: TokenizerDescription
  private let encoder: any SubwordEncoder
  private let splitters: [PatternSplitter]
  private let spellings: SpellingTable
  private let addedTokens: AddedTokenMatcher
  /// Bytes of every token in running text.
  private let pieces: TokenList
  private let special: Set<Int32>
  private let isSentencePiece: Bool

  package init(_ description: TokenizerDescription) throws(TokenizerError) {
    let count = Int32(description.tokens.count)
    guard count > 0 else { throw TokenizerError(field: "tokens", problem: "the vocabulary is empty") }
    for token in description.added where token.id < 0 || token.id > 1 << 24 || token.content.isEmpty {
      throw TokenizerError(field: "added_tokens", problem: "the token \(token.id) is not usable")
    }
    var description = description
    // Added tokens may lie behind the vocabulary.
    for token in description.added.sorted(by: { $0.id < $1.id }) where token.id >= description.tokens.count {
      while description.tokens.count < token.id { description.tokens.append([]) }
      description.tokens.append(token.content.utf8)
    }
    self.description = description
    spellings = SpellingTable(description.tokens)
    special = Set(description.added.filter(\.special).map(\.id))
    addedTokens = AddedTokenMatcher(description.added)
    var splitters: [PatternSplitter] = []
    if case .patterns(let patterns) = description.splitter {
      for pattern in patterns { splitters.append(try PatternSplitter(pattern)) }
    }
    self.splitters = splitters
    switch description.model {
    case .byteLevelBPE(let merges, let ignoreMerges):
      isSentencePiece = false
      pieces = ByteLevelEncoder.pieces(description)
      encoder = try ByteLevelEncoder(
        pieces: pieces, spellings: spellings, tokens: description.tokens, merges: merges, ignoreMerges: ignoreMerges)
    case .sentencePieceBPE(let scores, let merges):
      isSentencePiece = true
      pieces = SentencePieceEncoder.pieces(description)
      encoder = try SentencePieceEncoder(description, spellings: spellings, scores: scores, merges: merges)
    case .unigram(let scores):
      isSentencePiece = true
      pieces = SentencePieceEncoder.pieces(description)
      encoder = try UnigramEncoder(description, scores: scores)
    }
  }

  /// Ids 0..<vocabularySize may appear.
  package var vocabularySize: Int { description.tokens.count }
  package var beginToken: TokenID? { description.begin.map { TokenID($0) } }
  package var endToken: TokenID? { description.end.map { TokenID($0) } }
  package var addsBeginToken: Bool { description.addsBegin }
  /// All tokens that end a turn by the model's own files (eos, eot, ...).
  package var endTokens: [TokenID] {
    var seen = Set<Int32>()
    return ([description.end].compactMap { $0 } + description.endOfTurn).filter { seen.insert($0).inserted }
      .map { TokenID($0) }
  }

  /// - Parameters:
  ///   - addSpecialTokens: put what the model's post-processor puts around a text (usually a begin token).
  ///   - parseSpecialTokens: recognise special tokens written in the text; off, their spelling is plain text.
  package func encode(_ text: String, addSpecialTokens: Bool, parseSpecialTokens: Bool = true) -> [TokenID] {
    var result: [Int32] = []
    if addSpecialTokens, description.addsBegin, let begin = description.begin { result.append(begin) }
    var text = description.normalizesNFC ? Normalization.nfc(text) : text
    let prefixed = description.addsDummyPrefix
    text.withUTF8 { bytes in
      var start = 0
      var atStart = true
      for match in unsafe addedTokens.matches(in: bytes, includeSpecial: parseSpecialTokens) {
        unsafe encodeText(bytes, start, match.range.lowerBound, prefix: prefixed && atStart, into: &result)
        result.append(match.id)
        start = match.range.upperBound
        atStart = description.addsDummyPrefix && special.contains(match.id)
      }
      unsafe encodeText(bytes, start, bytes.count, prefix: prefixed && atStart, into: &result)
    }
    if addSpecialTokens, description.addsEnd, let end = description.end { result.append(end) }
    return result.map { TokenID($0) }
  }

  private func encodeText(
    _ text: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int, prefix: Bool, into result: inout [Int32]
  ) {
    guard start < end else { return }
    if isSentencePiece {
      unsafe encoder.encode(SentencePieceEncoder.normalized(text[start..<end], prefix: prefix), into: &result)
      return
    }
    var position = start
    while position < end {
      let stop: Int
      switch description.splitter {
      case .gpt2(let individualDigits):
        // The digit cut comes first, so a word never looks past the next number character.
        let limit = individualDigits ? unsafe WordScanner(text, end: end).digits(from: position) : end
        var inner = position
        while inner < limit {
          let next = unsafe WordScanner(text, end: limit).gpt2(from: inner)
          unsafe encoder.encode(text[inner..<next], into: &result)
          inner = next
        }
        stop = limit
      case .llama3(let maxDigits):
        stop = unsafe WordScanner(text, end: end).llama3(from: position, maxDigits: maxDigits)
        unsafe encoder.encode(text[position..<stop], into: &result)
      case .patterns:
        unsafe encodePatterns(text, position, end, into: &result)
        stop = end
      case .none:
        unsafe encoder.encode(text[position..<end], into: &result)
        stop = end
      }
      position = stop
    }
  }

  private func encodePatterns(
    _ text: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int, into result: inout [Int32]
  ) {
    var ends = [end]
    for splitter in splitters {
      var finer: [Int] = []
      var from = start
      for to in ends {
        var pieceEnds: [Int] = []
        unsafe splitter.split(text, from: from, to: to, into: &pieceEnds)
        finer += pieceEnds
        from = to
      }
      ends = finer
    }
    var from = start
    for to in ends {
      unsafe encoder.encode(text[from..<to], into: &result)
      from = to
    }
  }

  /// The whole text of `tokens`; invalid UTF-8 becomes U+FFFD.
  package func decode(_ tokens: [TokenID], skipSpecialTokens: Bool) -> String {
    var detokenizer = IncrementalDetokenizer(tokenizer: self, skipSpecialTokens: skipSpecialTokens)
    var text = ""
    for token in tokens { text += detokenizer.append(token) }
    return text + detokenizer.finish()
  }

  /// The bytes a token stands for in running text; empty for unknown ids.
  package func bytes(of token: TokenID) -> [UInt8] {
    (0..<Int32(pieces.count)).contains(token.rawValue) ? Array(pieces[Int(token.rawValue)]) : []
  }

  package func isSpecial(_ token: TokenID) -> Bool { special.contains(token.rawValue) }

  package func token(spelled text: String) -> TokenID? {
    if let added = description.added.first(where: { $0.content == text }) { return TokenID(added.id) }
    return spellings.find(text.utf8).map { TokenID($0) }
  }

  /// Whether the first token's leading space belongs to the encoding, not to the text.
  var dropsLeadingSpace: Bool { description.addsDummyPrefix }
}
