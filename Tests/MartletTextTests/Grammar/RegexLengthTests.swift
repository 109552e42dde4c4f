import Testing

@testable import MartletText

/// Limits on lengths beside patterns, written into the pattern's repetitions or not.
@Suite struct RegexLengthTests {
  @Test(arguments: [
    "^a{2}$", "^a*$", "^[ab]+1$", "^1[ab]{0,3}1?$", "^(ab)*$", "^(ab|1)$", "^a(b*1)?$", "^a?b?1?$", "^a$|^bb+$",
    "^a(a|bb)*$", "a", "^a", "^é+$", "^()$", "^(a{2}){1,3}$",
  ])
  func limitsAreThoseOfTheLength(pattern: String) throws {
    let alphabet = ["a", "b", "1", "é"]
    var texts = [""]
    var longest = texts
    for _ in 0..<5 {
      longest = longest.flatMap { text in alphabet.map { text + $0 } }
      texts += longest
    }
    let free = try GrammarFixture.compile(.jsonSchema(#"{"type":"string","pattern":"\#(pattern)"}"#, .none))
    let matching = Set(texts.filter { GrammarFixture.matches(free, "\"\($0)\"".utf8) })
    for (minimum, maximum) in [(0, 0), (0, 2), (1, 3), (2, 2), (3, nil), (0, nil), (4, 5)] as [(Int, Int?)] {
      let limit = maximum.map { #","maxLength":\#($0)"# } ?? ""
      let schema = #"{"type":"string","pattern":"\#(pattern)","minLength":\#(minimum)\#(limit)}"#
      let grammar = try? GrammarFixture.compile(.jsonSchema(schema, .none))
      for text in texts {
        let isExpected = matching.contains(text) && text.count >= minimum && text.count <= maximum ?? .max
        let isTaken = grammar.map { GrammarFixture.matches($0, "\"\(text)\"".utf8) } ?? false
        #expect(isTaken == isExpected, "\(schema): \(text)")
      }
    }
  }

  @Test func limitsInRepetitionsNeedNoIntersection() throws {
    for pattern in ["^[a-z][a-z0-9_]*$", "^[A-Z]{3}$|^[0-9]+$", "^[a-z]([a-z-]*)?$"] {
      var parser = RegexParser(pattern, location: "#", maxDepth: 32)
      let node = try parser.parse()
      #expect(node.limited(to: 2...30) != nil, "\(pattern)")
    }
    var parser = RegexParser("^a*b*$", location: "#", maxDepth: 32)
    let open = try parser.parse()
    #expect(open.limited(to: 2...30) == nil)
  }
}
