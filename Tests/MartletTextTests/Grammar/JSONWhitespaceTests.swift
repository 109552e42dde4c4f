import MartletCore
import Testing

@testable import MartletText

@Suite struct JSONWhitespaceTests {
  private static let schema =
    #"{"type":"object","properties":{"first_name":{"type":"integer"},"b":{"type":"array"}},"required":["first_name","b"],"additionalProperties":false}"#

  private static let compact = #"{"first_name":1,"b":[2,3]}"#
  private static let spaced = #"{"first_name": 1, "b": [2, 3]}"#
  private static let indented = "{\n  \"first_name\": 1,\n  \"b\": [\n    2, 3\n  ]\n}"
  private static let wide = "{ \t\n\r \"first_name\" :1 ,\"b\":[2 ,3]\n\n\n}"

  @Test(arguments: [
    (JSONWhitespace.any, [true, true, true, true]), (.none, [true, false, false, false]),
    (.separators, [false, true, false, false]), (.pattern("\n? *"), [true, true, true, false]),
  ])
  func textsHaveTheWhiteSpaceThatIsAsked(whitespace: JSONWhitespace, expected: [Bool]) throws {
    let grammar = try GrammarFixture.compile(.jsonSchema(Self.schema, whitespace))
    let texts = [Self.compact, Self.spaced, Self.indented, Self.wide]
    #expect(texts.map { GrammarFixture.matches(grammar, $0.utf8) } == expected)
  }

  /// Token i is the byte i.
  private static func vocabulary() throws -> GrammarVocabulary {
    var tokens = TokenList()
    for byte in UInt8.min...UInt8.max { tokens.append(String(ByteAlphabet.scalars[Int(byte)]).utf8) }
    let model = TokenizerDescription.Model.byteLevelBPE(merges: MergeList(), ignoreMerges: false)
    return GrammarVocabulary(tokenizer: try Tokenizer(TokenizerDescription(model: model, tokens: tokens)))
  }

  /// What is forced from the start and behind the first value.
  @Test(arguments: [
    (JSONWhitespace.any, "{", ""), (.none, #"{"first_name":"#, #""b":["#),
    (.separators, #"{"first_name": "#, #" "b": ["#),
  ])
  func whatMustComeIsKnown(whitespace: JSONWhitespace, start: String, behind: String) throws {
    let grammar = try GrammarCompiler(vocabulary: try Self.vocabulary()).compile(.jsonSchema(Self.schema, whitespace))
    var matcher = GrammarMatcher(grammar)
    func forced() -> String {
      let tokens = matcher.forcedTokens(limit: 24)
      return String(decoding: tokens.map { UInt8(truncatingIfNeeded: $0.rawValue) }, as: UTF8.self)
    }
    #expect(forced() == start)
    var isTaken = matcher.advance(bytes: Array(#"{"f"#.utf8))
    #expect(forced() == "irst_name\"" + (whitespace == .none ? ":" : whitespace == .separators ? ": " : ""))
    if whitespace != .any {
      isTaken =
        matcher.advance(bytes: Array((whitespace == .none ? #"irst_name":1,"# : #"irst_name": 1,"#).utf8)) && isTaken
      #expect(forced() == behind)
    }
    #expect(isTaken && GrammarMatcher(grammar).forcedTokens(limit: 3).count <= 3)
  }

  /// Blank lines come to an end; text in strings, and white space that a request describes, does not.
  @Test func aGenerationDoesNotWriteWhiteSpaceForEver() throws {
    func allowed(_ source: GrammarSource, after text: String) throws -> Set<Character> {
      let constraint = GrammarConstraint(
        grammar: try GrammarCompiler(vocabulary: try Self.vocabulary()).compile(source), endTokens: [])
      var state = constraint.state(after: text.utf8.map { TokenID(Int32($0)) })
      let words = state.mask()
      let mask = try #require(words)
      return Set(" \t\n\"".filter { mask[Int($0.asciiValue ?? 0) >> 5] >> UInt32(($0.asciiValue ?? 0) & 31) & 1 == 1 })
    }
    let free = GrammarSource.jsonSchema(Self.schema, .any)
    #expect(try allowed(free, after: "{\n") == [" ", "\t", "\n", "\""])
    #expect(try allowed(free, after: "{\n \n") == [" ", "\t", "\""])
    #expect(try allowed(free, after: "{" + String(repeating: " ", count: 63)) == [" ", "\t", "\n", "\""])
    #expect(try allowed(free, after: "{" + String(repeating: " ", count: 64)) == ["\""])
    #expect(try allowed(free, after: "{\n\n\"first_name\":1,\n") == [" ", "\t", "\n", "\""])
    let described = GrammarSource.jsonSchema(Self.schema, .pattern("[ \\t\\n\\r]*"))
    #expect(try allowed(described, after: "{" + String(repeating: "\n", count: 90)) == [" ", "\t", "\n", "\""])
    let strings = GrammarSource.jsonSchema(#"{"type":"string"}"#, .any)
    #expect(try allowed(strings, after: "\"" + String(repeating: " ", count: 90)) == [" ", "\""])
  }
}
