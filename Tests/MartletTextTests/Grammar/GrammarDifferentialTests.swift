import MartletCore
import Testing

@testable import MartletText

/// Masks against other implementations (`scripts/goldens/grammar_differential.py`): every token of a small vocabulary that
/// they say is legal is allowed; and where they list all texts, no other.
@Suite struct GrammarDifferentialTests {
  private static func cases(_ name: String) throws -> [JSONValue] {
    try #require(try GrammarFixture.golden("differential.json")[name]?.arrayValue)
  }

  private static func vocabulary(_ texts: some Sequence<[UInt8]>) -> (vocabulary: GrammarVocabulary, tokens: [[UInt8]])
  {
    let tokens = Set(texts).sorted { $0.lexicographicallyPrecedes($1) }
    var list = TokenList()
    for token in tokens { list.append(token) }
    return (GrammarVocabulary(spellings: list, special: []), tokens)
  }

  @Test func regularExpressionsAllowWhatPythonMatches() throws {
    for golden in try Self.cases("regex") {
      let source = try #require(golden["source"]?.stringValue)
      let length = try #require(golden["length"]?.intValue)
      try Self.compare(.regex(source), golden, through: length)
    }
  }

  @Test func grammarsAllowWhatLarkParses() throws {
    for golden in try Self.cases("grammar") {
      let source = try #require(golden["source"]?.stringValue)
      let length = try #require(golden["length"]?.intValue)
      try Self.compare(.grammar(source), golden, through: length / 2)
    }
  }

  /// Walks all beginnings of the golden's texts of up to `length` bytes.
  private static func compare(_ source: GrammarSource, _ golden: JSONValue, through length: Int) throws {
    let texts = Set(try #require(golden["texts"]?.arrayValue).compactMap { $0.stringValue.map { Array($0.utf8) } })
    let alphabet = Array(try #require(golden["alphabet"]?.stringValue).utf8)
    var pieces = alphabet.map { [$0] }
    for _ in 0..<2 { pieces += pieces.flatMap { piece in alphabet.map { piece + [$0] } } }
    let (vocabulary, tokens) = vocabulary(pieces)
    let grammar = try GrammarFixture.compile(source, vocabulary)
    let beginnings = Set(texts.flatMap { text in (0...text.count).map { Array(text[..<$0]) } })
    for beginning in beginnings where beginning.count <= length {
      var matcher = GrammarMatcher(grammar)
      let isTaken = beginning.isEmpty || matcher.advance(bytes: beginning)
      #expect(isTaken && matcher.accepts == texts.contains(beginning), "\(source) behind \(beginning)")
      let mask = TokenMask(words: matcher.mask())
      for (id, token) in tokens.enumerated() where beginning.count + token.count <= length {
        let isLegal = beginnings.contains(beginning + token)
        #expect(mask.contains(Int32(id)) == isLegal, "\(source): \(token) behind \(beginning)")
      }
    }
  }

  @Test func schemasAllowWhatIsValid() throws {
    for golden in try Self.cases("schema") {
      let schema = try #require(golden["schema"]?.serializedText())
      let valid = try #require(golden["valid"]?.arrayValue).compactMap { $0.stringValue.map { Array($0.utf8) } }
      #expect(!valid.isEmpty)
      let pieces = valid.flatMap { text in
        text.indices.flatMap { start in (1...6).map { Array(text[start..<min(start + $0, text.count)]) } }
      }
      let (vocabulary, tokens) = Self.vocabulary(pieces)
      let ids = Dictionary(uniqueKeysWithValues: zip(tokens, Int32(0)...))
      let grammar = try GrammarFixture.compile(.jsonSchema(schema, .none), vocabulary)
      for text in valid {
        var matcher = GrammarMatcher(grammar)
        for start in text.indices {
          let mask = TokenMask(words: matcher.mask())
          for end in (start + 1)...min(start + 6, text.count) {
            let id = try #require(ids[Array(text[start..<end])])
            #expect(mask.contains(id), "\(schema): \(text[start..<end]) of \(String(decoding: text, as: UTF8.self))")
          }
          guard matcher.advance(bytes: [text[start]]) else { break }
        }
        #expect(matcher.count == text.count && matcher.accepts, "\(schema): \(String(decoding: text, as: UTF8.self))")
      }
      for text in try #require(golden["invalid"]?.arrayValue).compactMap(\.stringValue) {
        #expect(!GrammarFixture.matches(grammar, text.utf8), "\(schema): \(text)")
      }
    }
  }
}
