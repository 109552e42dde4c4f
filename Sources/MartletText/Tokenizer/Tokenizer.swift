package import MartletCore
import Synchronization

/// Turns text into token ids and back. Immutable and safe to share between threads.
package final class Tokenizer: Sendable {
  private let description: TokenizerDescription
  private let textEncoder: TextEncoder
  private let normalizer: TextNormalizer
  private let spellings: SpellingTable
  private let addedTokens: AddedTokenMatcher
  /// Added tokens that are looked for in normalised text.
  private let normalizedTokens: AddedTokenMatcher
  /// Bytes of every token in running text.
  private let pieces: TokenList
  private let special: Set<Int32>
  /// Word caches that no call is using. There are never more than calls that ran at once.
  private let idleCaches = Mutex<[WordCache]>([])

  package init(_ description: TokenizerDescription) throws(TokenizerError) {
    let count = description.tokens.count
    guard count > 0 else { throw TokenizerError(field: "tokens", problem: "the vocabulary is empty") }
    for token in description.added where token.id < 0 || Int(token.id) > count + 1 << 20 || token.content.isEmpty {
      throw TokenizerError(field: "added_tokens", problem: "the token \(token.id) is not usable")
    }
    var description = description
    // Added tokens may lie behind the vocabulary.
    for token in description.added.sorted(by: { $0.id < $1.id }) where token.id >= description.tokens.count {
      while description.tokens.count < token.id { description.tokens.append([]) }
      description.tokens.append(token.content.utf8)
    }
    let spellings = SpellingTable(description.tokens)
    self.description = description
    self.spellings = spellings
    special = Set(description.added.filter(\.special).map(\.id))
    let normalizer = try TextNormalizer(description.normalizers)
    self.normalizer = normalizer
    let plain = description.added.filter { !$0.normalized }, normalized = description.added.filter(\.normalized)
    addedTokens = AddedTokenMatcher(plain, contents: plain.map { Array($0.content.utf8) })
    let contents = normalized.map { token in
      unsafe Array(token.content.utf8).withUnsafeBufferPointer { unsafe normalizer.apply($0) }
    }
    normalizedTokens = AddedTokenMatcher(normalized, contents: contents)
    if case .byteLevelBPE = description.model {
      pieces = ByteLevelEncoder.pieces(description)
    } else {
      // A token that was found in normalised text stands for the whole of it, a mark in front included.
      let spelled = Dictionary(zip(normalized.map(\.id), contents), uniquingKeysWith: { first, _ in first })
      pieces = SpaceMark.pieces(description, normalized: spelled)
    }
    textEncoder = try TextEncoder(description, spellings: spellings, pieces: pieces)
  }

  /// Ids 0..<vocabularySize may appear.
  package var vocabularySize: Int { description.tokens.count }
  package var beginToken: TokenID? { description.begin.map { TokenID($0) } }
  package var endToken: TokenID? { description.end.map { TokenID($0) } }
  package var addsBeginToken: Bool { description.begin != nil && description.prefix.first == description.begin }
  /// All tokens that end a turn by the model's own files (eos, eot, ...).
  package var endTokens: [TokenID] {
    var seen = Set<Int32>()
    return ([description.end].compactMap { $0 } + description.endOfTurn).filter { seen.insert($0).inserted }
      .map { TokenID($0) }
  }

  /// - Parameters:
  ///   - addSpecialTokens: put what the model's post-processor puts around a text (usually a begin token).
  ///   - parseSpecialTokens: recognise special tokens written in the text; off, their spelling is plain text.
  /// - Complexity: O(n log n) in the text's bytes at worst; about linear in ordinary text.
  package func encode(_ text: String, addSpecialTokens: Bool, parseSpecialTokens: Bool = true) -> [TokenID] {
    var result: [Int32] = []
    result.reserveCapacity(text.utf8.count / 3 + 8)
    if addSpecialTokens { result += description.prefix }
    var cache = idleCaches.withLock { $0.popLast() } ?? WordCache()
    var text = text
    text.withUTF8 { bytes in
      var start = 0
      for match in unsafe addedTokens.matches(in: bytes, includeSpecial: parseSpecialTokens) {
        unsafe encodePart(bytes, start..<match.range.lowerBound, parseSpecialTokens, &cache, into: &result)
        result.append(match.id)
        start = match.range.upperBound
      }
      unsafe encodePart(bytes, start..<bytes.count, parseSpecialTokens, &cache, into: &result)
    }
    idleCaches.withLock { $0.append(cache) }
    if addSpecialTokens { result += description.suffix }
    return result.map { TokenID($0) }
  }

  /// Encodes text between added tokens.
  private func encodePart(
    _ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ parseSpecialTokens: Bool, _ cache: inout WordCache,
    into result: inout [Int32]
  ) {
    guard !range.isEmpty else { return }
    let part = unsafe UnsafeBufferPointer(rebasing: text[range])
    let isFirst = range.lowerBound == 0
    if unsafe normalizer.keeps(part) {
      unsafe encodeNormalized(part, isFirst, parseSpecialTokens, &cache, into: &result)
    } else {
      let isFirst = unsafe isFirst && !normalizer.stripsFront(of: part)
      unsafe normalizer.apply(part).withUnsafeBufferPointer {
        unsafe encodeNormalized($0, isFirst, parseSpecialTokens, &cache, into: &result)
      }
    }
  }

  private func encodeNormalized(
    _ text: UnsafeBufferPointer<UInt8>, _ isFirst: Bool, _ parseSpecialTokens: Bool, _ cache: inout WordCache,
    into result: inout [Int32]
  ) {
    var start = 0
    for match in unsafe normalizedTokens.matches(in: text, includeSpecial: parseSpecialTokens) {
      let part = unsafe UnsafeBufferPointer(rebasing: text[start..<match.range.lowerBound])
      unsafe textEncoder.encode(part, isFirst: isFirst && start == 0, &cache, into: &result)
      result.append(match.id)
      start = match.range.upperBound
    }
    let rest = unsafe UnsafeBufferPointer(rebasing: text[start...])
    unsafe textEncoder.encode(rest, isFirst: isFirst && start == 0, &cache, into: &result)
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

  /// The special tokens whose spelling is a part of one of the texts.
  package func specialTokens(within texts: [String]) -> Set<TokenID> {
    let found = description.added.filter { token in
      token.special && token.content.utf8.count > 2 && texts.contains { $0.contains(token.content) }
    }
    return Set(found.map { TokenID($0.id) })
  }

  package func token(spelled text: String) -> TokenID? {
    if let added = description.added.first(where: { $0.content == text }) { return TokenID(added.id) }
    return spellings.find(text).map { TokenID($0) }
  }

  /// Whether a text's first token gets a space that the text does not have.
  package var addsLeadingSpace: Bool { description.leadingSpace != .kept }

  /// What the first token's leading space is.
  var leadingSpace: TokenizerDescription.LeadingSpace { description.leadingSpace }
}
