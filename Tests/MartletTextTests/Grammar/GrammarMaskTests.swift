import MartletCore
import Testing

@testable import MartletText

/// Masks against the definition: a token is allowed exactly when its bytes can be taken one by one.
@Suite struct GrammarMaskTests {
  static let sources: [GrammarSource] = [
    .jsonSchema("true", .any), .jsonSchema(#"{"type":"object"}"#, .none),
    .jsonSchema(
      #"{"type":"object","properties":{"name":{"type":"string"},"ab":{"type":"integer"},"abc":{"type":"number"}},"#
        + #""required":["ab"]}"#, .any),
    .jsonSchema(#"{"type":"object","properties":{"a":true},"additionalProperties":{"type":"string"}}"#, .none),
    .jsonSchema(#"{"type":"string","minLength":3,"maxLength":9}"#, .none),
    .jsonSchema(#"{"type":"array","items":{"type":"string","maxLength":2},"minItems":2}"#, .none),
    .jsonSchema(#"{"type":"string","pattern":"^a+b"}"#, .none),
    .jsonSchema(#"{"type":"string","pattern":"ab","maxLength":5}"#, .none),
    .jsonSchema(##"{"$defs":{"t":{"type":"array","items":{"$ref":"#/$defs/t"}}},"$ref":"#/$defs/t"}"##, .any),
    .jsonSchema(#"{"enum":["ab","abc",12,null,[1,true],{"a":1}]}"#, .none),
    .jsonSchema(#"{"type":"number","minimum":-1.5,"maximum":123}"#, .none),
    // Large limits, next to each other, of which some are used up within the longest tokens.
    .regex("(?=.{1,40}$)[ab](?:[ab-]{0,24}[ab])?(?:\\.[ab](?:[ab-]{0,24}[ab])?)*"), .regex("[a ]{2,30}(?:é|b){0,11}1"),
    .regex("(?=.{1,20}1)a*b*1{1,12}"), .regex("(?=a{0,9}[^1]{0,30}$)(?=.{0,35}$)a+(?:ab|b)*c{2,}"),
    .jsonSchema(#"{"type":"string","format":"hostname"}"#, .none),
    .jsonSchema(#"{"type":"string","format":"email","maxLength":24}"#, .none),
    .regex("(ab|a)*c?[^b]{2,5}"), .regex(".*ab"), .regex("[a-z ]{3,}é?"), .choice(["ab", "abc", "name", "日本"]),
    .grammar("root ::= expr\nexpr ::= expr \"+\" term | term\nterm ::= [0-9]+ | \"(\" expr \")\""),
    .structuralTag(
      #"{"structures":[{"begin":"<tool>","schema":{"type":"object"},"end":"</tool>"}],"triggers":["<tool>"]}"#),
  ]

  @Test(arguments: sources) func maskIsWhatCanBeTaken(source: GrammarSource) throws {
    let vocabulary = GrammarFixture.pieces
    let grammar = try GrammarFixture.compile(source, vocabulary)
    for seed in UInt64(1)...6 {
      var random = SplitMix64(seed: seed)
      var matcher = GrammarMatcher(grammar)
      for _ in 0..<24 {
        let mask = TokenMask(words: matcher.mask())
        var allowed: [TokenID] = []
        for id in 0..<Int32(vocabulary.vocabularySize) {
          var copy = matcher
          let legal = copy.advance(TokenID(id))
          #expect(mask.contains(id) == legal, "token \(id) after \(matcher.count) tokens, seed \(seed)")
          if legal { allowed.append(TokenID(id)) }
        }
        // Nowhere a dead end.
        #expect(!allowed.isEmpty || matcher.accepts)
        guard let next = allowed.randomElement(using: &random) else { break }
        guard matcher.advance(next) else { break }
      }
    }
  }

  @Test func endsAreAllowedOnlyWhereTheTextMayEnd() throws {
    let grammar = try GrammarFixture.compile(.regex("ab?"))
    let constraint = GrammarConstraint(grammar: grammar, endTokens: [TokenID(300)])
    var state = constraint.state(after: [])
    let first = TokenMask(words: state.mask() ?? [])
    #expect(first.count == 1 && first.contains(0x61))
    state.advance(TokenID(0x61))
    let words = state.mask()
    let second = TokenMask(words: words ?? [])
    #expect(second.count == 2 && second.contains(300) && second.contains(0x62))
    var resumed = constraint.state(after: [TokenID(0x61)])
    let again = resumed.mask()
    #expect(again == words)
    state.advance(TokenID(0x62))
    let last = TokenMask(words: state.mask() ?? [])
    #expect(last.count == 1 && last.contains(300))
    state.advance(TokenID(0x62))
    let none = state.mask()
    #expect(none == [])
  }

  @Test func grammarBeginsBehindTheOpening() throws {
    let grammar = try GrammarFixture.compile(.choice(["yes", "no"]))
    let constraint = GrammarConstraint(grammar: grammar, endTokens: [], opening: Array("</t>".utf8))
    var state = constraint.state(after: [])
    for byte in "hm <</t".utf8 {
      let mask = state.mask()
      #expect(mask == nil)
      state.advance(TokenID(Int32(byte)))
    }
    state.advance(TokenID(Int32(UInt8(ascii: ">"))))
    let mask = TokenMask(words: state.mask() ?? [])
    #expect(mask.count == 2)
  }

  @Test func rollbackForkAndForcedBytes() throws {
    let grammar = try GrammarFixture.compile(.jsonSchema(#"{"const":{"answer":true}}"#, .none))
    let wrong = TokenID(Int32(UInt8(ascii: "x")))
    var matcher = GrammarMatcher(grammar)
    #expect(matcher.forcedBytes() == Array(#"{"answer":true}"#.utf8))
    let start = matcher.mask()
    for byte in #"{"ans"#.utf8 {
      let isTaken = matcher.advance(TokenID(Int32(byte)))
      #expect(isTaken)
    }
    var fork = matcher
    let isWrongTaken = fork.advance(wrong)
    let isTaken = fork.advance(bytes: Array("wer".utf8))
    #expect(!isWrongTaken && isTaken && fork.count == matcher.count + 1)
    matcher.rollback(5)
    #expect(matcher.count == 0 && matcher.mask() == start)
    matcher.rollback(3)
    #expect(matcher.count == 0)
  }
}
