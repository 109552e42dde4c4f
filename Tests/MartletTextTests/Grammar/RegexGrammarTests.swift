import Testing

@testable import MartletText

/// Patterns against Python's re (`scripts/goldens/regex_goldens.py`).
@Suite struct RegexGrammarTests {
  @Test func languagesAreThoseOfTheReference() throws {
    let cases = try #require(try GrammarFixture.golden("regex.json").arrayValue)
    #expect(cases.count >= 30)
    for one in cases {
      let pattern = try #require(one["pattern"]?.stringValue)
      let whole = try GrammarFixture.compile(.regex(pattern))
      let expected = Set(one["whole"]?.arrayValue?.compactMap(\.stringValue) ?? [])
      for text in one["texts"]?.arrayValue?.compactMap(\.stringValue) ?? [] {
        #expect(GrammarFixture.matches(whole, text.utf8) == expected.contains(text), "\(pattern) on \(text)")
      }
      let schema: JSONValue = .object(["type": "string", "pattern": .string(pattern)])
      let found = try GrammarFixture.compile(.jsonSchema(schema.serializedText(), .none))
      let matches = Set(one["found"]?.arrayValue?.compactMap(\.stringValue) ?? [])
      for text in one["texts"]?.arrayValue?.compactMap(\.stringValue) ?? [] {
        let document = JSONValue.string(text).serialized()
        #expect(GrammarFixture.matches(found, document) == matches.contains(text), "\(pattern) in \(text)")
      }
    }
  }

  @Test func unicodeClasses() throws {
    let grammar = try GrammarFixture.compile(.regex(#"\p{Lu}\p{L}*[^\p{L}]"#))
    #expect(GrammarFixture.matches(grammar, "Éclair!".utf8))
    #expect(GrammarFixture.matches(grammar, "Ж1".utf8))
    #expect(!GrammarFixture.matches(grammar, "éa!".utf8))
    #expect(!GrammarFixture.matches(grammar, "Éa".utf8))
  }

  @Test(arguments: [
    (#"(a)\1"#, GrammarError.Kind.unsupported), (#"\ba"#, .unsupported), ("(?<=a)b", .unsupported), ("(a", .invalid),
    ("a)", .invalid), ("[a", .invalid), ("*a", .invalid), ("a{2,1}", .invalid), ("a{1000000}", .tooLarge),
    ("[z-a]", .invalid), (#"\u12"#, .invalid), (#"\p{Nonsense}"#, .unsupported),
  ])
  func refusalsSayWhy(pattern: String, kind: GrammarError.Kind) {
    let error = #expect(throws: GrammarError.self) { try GrammarFixture.compile(.regex(pattern)) }
    #expect(error?.kind == kind, "\(pattern): \(error?.message ?? "")")
  }
}
