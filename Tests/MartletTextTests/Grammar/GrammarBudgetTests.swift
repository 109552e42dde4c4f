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

  /// What may be refused or not, but soon.
  static let costly: [(name: String, source: GrammarSource)] = {
    let names = (0..<4_000).map { #""name-\#($0)":{"type":"string"}"# }.joined(separator: ",")
    let patterns = (0..<6).map { #"".*[a-\#("fghijk".map(String.init)[$0])].{\#($0)}x":{"type":"integer"}"# }.joined(
      separator: ",")
    let rules = (0..<3_000).map { "r\($0) ::= \"a\" r\($0 + 1) | r\($0 + 1)" }.joined(separator: "\n")
    let tangle = (0..<40).map { "r\($0) ::= r\(($0 * 7 + 1) % 40) \"a\" | r\(($0 * 11 + 3) % 40) \"b\" | \"c\"" }
      .joined(separator: "\n")
    let alternatives = (0..<200).map { #"{"type":"object","properties":{"k":{"const":\#($0)}},"required":["k"]}"# }
      .joined(separator: ",")
    return [
      ("many names", .jsonSchema(#"{"properties":{\#(names)}}"#, .any)),
      ("overlapping patterns", .jsonSchema(#"{"patternProperties":{\#(patterns)}}"#, .any)),
      ("many rules", .grammar("root ::= r0\n\(rules)\nr3000 ::= \"b\"")),
      ("tangled rules", .grammar("root ::= r0\n" + tangle)),
      ("many branches", .jsonSchema(#"{"oneOf":[\#(alternatives)]}"#, .any)),
      ("nested repetitions", .regex("((((((a*)*)*)*)*b?)*c?)*{500}")),
      ("repeated classes", .regex(#"(\w{1,1000}[^\d]{0,1000}\p{L}?){1,1000}"#)),
      ("negated loops", .regex("(?!.*(a|b)*c(a|b){20})(?!.*b(a|c){30}).{1,1000}")),
      ("counts", .jsonSchema(#"{"items":{"minLength":2000000000},"minItems":2000000000,"maxItems":2000000001}"#, .any)),
      ("a large factor", .jsonSchema(#"{"multipleOf":4095.999999}"#, .any)),
      ("complements", .jsonSchema(#"{"not":{"not":{"not":{"pattern":"(a|b)*a(a|b){12}$"}}}}"#, .any)),
    ]
  }()

  /// The budget of time is 90 ms; the rest is what lies between two looks at the clock.
  @Test(arguments: (hostile + costly).map(\.name)) func hostileGrammarsEndSoon(name: String) throws {
    let source = try #require((Self.hostile + Self.costly).first { $0.name == name }?.source)
    // Classes of the vocabulary are made once.
    _ = try GrammarFixture.compile(.jsonSchema("true", .any))
    let start = ThreadTime.milliseconds
    _ = try? GrammarFixture.compile(source, budget: GrammarBudget())
    #expect(ThreadTime.milliseconds - start < 250)
  }

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
