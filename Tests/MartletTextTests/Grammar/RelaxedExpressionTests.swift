import Testing

@testable import MartletText

/// Expressions without their large limits against those with them: texts up to the slack do not tell the two apart.
@Suite struct RelaxedExpressionTests {
  private static func relaxation(
    _ pattern: String
  ) throws -> (arena: RegularArena, id: RegularID, relaxed: RegularID, slack: Int) {
    var arena = RegularArena(budget: GrammarBudget())
    let id = try RegexCompiler.compile(pattern, .whole, .plain, at: "#", &arena, maxDepth: 32)
    let found = arena.relaxation(id)
    let relaxation = try #require(found, "\(pattern)")
    return (arena, id, relaxation.id, relaxation.slack)
  }

  /// Whether a text of `length` bytes over the alphabet begins a text of one expression only.
  private static func tellsApart(
    _ arena: inout RegularArena, _ one: RegularID, _ other: RegularID, _ alphabet: [UInt8], length: Int
  ) -> Bool {
    var pairs: Set<[RegularID]> = [[one, other]]
    for _ in 0..<length {
      var next: Set<[RegularID]> = []
      for pair in pairs {
        for byte in alphabet { next.insert(pair.map { arena.step($0, byte) }) }
      }
      pairs = next
      if pairs.contains(where: { ($0[0] == RegularArena.nothing) != ($0[1] == RegularArena.nothing) }) { return true }
    }
    return false
  }

  @Test(arguments: [
    "a{0,9}b", "(a|b){3,20}1?", "a{1,12}b{1,30}", "[ab]{0,10}1{0,8}", "(ab?){0,9}", "a(b{0,11}a)*",
    // With intersections the slack is a bound, not the best one.
    "(?=.{1,24}$)a+(b[ab]{0,15})*", "(?=[ab]{0,20}1)a*b*1{1,12}", "(?!.*11)[ab1]{0,30}",
    "(?=a{0,9}[^1]{0,30}$)(?=.{0,35}$)a+(?:ab|b)*",
  ])
  func noTextUpToTheSlackTellsThemApart(pattern: String) throws {
    var (arena, id, relaxed, slack) = try Self.relaxation(pattern)
    #expect(slack > 0 && arena.exhausted == nil)
    #expect(!Self.tellsApart(&arena, id, relaxed, Array("ab1".utf8), length: min(slack, 60)))
  }

  @Test(arguments: ["a{0,9}b", "(a|b){3,20}1?", "[ab]{0,10}1{0,8}"])
  func theSlackIsTheLongestWithoutIntersections(pattern: String) throws {
    var (arena, id, relaxed, slack) = try Self.relaxation(pattern)
    #expect(Self.tellsApart(&arena, id, relaxed, Array("ab1".utf8), length: slack + 1))
  }
}
