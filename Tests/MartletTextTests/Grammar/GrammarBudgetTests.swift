import Testing

@testable import MartletText

/// Hostile grammars end as typed errors, soon and without much memory.
@Suite struct GrammarBudgetTests {
  static let hostile: [(name: String, source: GrammarSource)] = {
    let parentheses = String(repeating: "(", count: 120_000)
    let nested = String(repeating: #"{"allOf":["#, count: 300) + "{}" + String(repeating: "]}", count: 300)
    let branches = (0..<64).map { #"{"properties":{"p\#($0)":{"type":"integer"}}}"# }.joined(separator: ",")
    let deep = (0..<120).map { index in
      let next = ##"{"$ref":"#/$defs/d\##(index + 1)"}"##
      return #""d\#(index)":{"anyOf":[\#(next),\#(next)]}"#
    }.joined(separator: ",")
    let products = (0..<20).map { #"{"anyOf":[{"required":["a\#($0)"]},{"required":["b\#($0)"]}]}"# }
      .joined(separator: ",")
    return [
      ("parentheses", .regex(parentheses)), ("parentheses, Lark", .grammar("start: " + parentheses)),
      ("nested schemas", .jsonSchema(nested, .any)), ("oneOf", .jsonSchema(#"{"oneOf":[\#(branches)]}"#, .any)),
      (
        "doubling references",
        .jsonSchema(##"{"$defs":{\##(deep),"d120":{"type":"array"}},"$ref":"#/$defs/d0"}"##, .any)
      ),
      ("products", .jsonSchema(#"{"allOf":[\#(products)]}"#, .any)),
      ("a reference to itself", .jsonSchema(##"{"$ref":"#"}"##, .any)),
      ("endless recursion", .grammar("root ::= \"a\" root")),
      ("a counted bomb", .regex("((a{1,30000}){1,30000}){1,30000}(?=b{9999})c")),
      ("a long text", .regex(String(repeating: "a", count: 600_000))),
      ("nested arrays", .jsonSchema(String(repeating: "[", count: 200_000), .any)),
      ("nested groups, EBNF", .grammar("root ::= " + String(repeating: "(", count: 120_000))),
    ]
  }()

  @Test(arguments: hostile.map(\.name)) func hostileGrammarsAreRefused(name: String) throws {
    let source = try #require(Self.hostile.first { $0.name == name }?.source)
    #expect(throws: GrammarError.self) { try GrammarFixture.compile(source, budget: GrammarBudget()) }
  }

  @Test func countedRepetitionsStayLazy() throws {
    let grammar = try GrammarFixture.compile(.regex("(a{1,30000}b?){1,30000}"))
    var matcher = GrammarMatcher(grammar)
    let isTaken = matcher.advance(bytes: [UInt8](repeating: UInt8(ascii: "a"), count: 200))
    #expect(isTaken && matcher.accepts)
  }

  @Test func statesThatExplodeEndTheGeneration() throws {
    var budget = GrammarFixture.budget
    budget.maxNodes = 5_000
    let grammar = try GrammarFixture.compile(.regex("(a|b)*a(a|b){2000}"), budget: budget)
    var matcher = GrammarMatcher(grammar)
    var taken = 0
    for step in 0..<4_000 where matcher.advance(bytes: [step % 3 == 0 ? 0x61 : 0x62]) { taken += 1 }
    #expect(taken < 4_000 && matcher.exhausted != nil)
  }

  @Test func hugeEnumerationsCompile() throws {
    let values = (0..<20_000).map { "\"value-\($0)\"" }.joined(separator: ",")
    let grammar = try GrammarFixture.compile(.jsonSchema(#"{"enum":[\#(values)]}"#, .any))
    #expect(GrammarFixture.matches(grammar, "\"value-19999\"".utf8))
    #expect(!GrammarFixture.matches(grammar, "\"value-20000\"".utf8))
  }
}
