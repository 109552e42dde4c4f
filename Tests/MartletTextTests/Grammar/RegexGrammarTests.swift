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

  @Test func classesHoldWhatTheStandardLibrarySays() throws {
    let categories: [(String, Unicode.GeneralCategory)] = [
      ("Lu", .uppercaseLetter), ("Nd", .decimalNumber), ("Cn", .unassigned), ("Co", .privateUse),
      ("Mn", .nonspacingMark),
    ]
    for (name, category) in categories {
      let set = try #require(CharacterClass.property(name))
      let count = (UInt32(0)...0x10FFFF).count { Unicode.Scalar($0)?.properties.generalCategory == category }
      #expect(set.ranges.reduce(0) { $0 + $1.count } == count, "\(name)")
      #expect(
        set.ranges.allSatisfy { Unicode.Scalar($0.lowerBound)?.properties.generalCategory == category }, "\(name)")
    }
    let alphabetic = try #require(CharacterClass.property("Alphabetic"))
    let count = (UInt32(0)...0x10FFFF).count { Unicode.Scalar($0)?.properties.isAlphabetic == true }
    #expect(alphabetic.ranges.reduce(0) { $0 + $1.count } == count)
  }

  /// A look at every character takes as long as a grammar may, and a pattern with several classes is none that is refused.
  @Test func severalUnicodeClassesCostAFractionOfTheBudget() throws {
    let source = GrammarSource.regex(#"\p{Lu}\p{Ll}+( [\p{L}\p{M}]+[^\p{P}]){2}"#)
    _ = try GrammarFixture.compile(.regex(#"\p{L}"#))
    let start = ThreadTime.milliseconds
    _ = try GrammarFixture.compile(source)
    #expect(ThreadTime.milliseconds - start < 45)
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
