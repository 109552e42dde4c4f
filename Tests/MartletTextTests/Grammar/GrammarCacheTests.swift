import MartletCore
import Testing

@testable import MartletText

@Suite struct GrammarCacheTests {
  private static func tokenizer() throws -> Tokenizer {
    var tokens = TokenList()
    for byte in UInt8.min...UInt8.max { tokens.append(String(ByteAlphabet.scalars[Int(byte)]).utf8) }
    return try Tokenizer(
      TokenizerDescription(model: .byteLevelBPE(merges: MergeList(), ignoreMerges: false), tokens: tokens))
  }

  private static func source(_ index: Int) -> GrammarSource { .regex("a{\(index + 1)}b|c") }

  @Test func eachNamespaceHasItsOwn() throws {
    let cache = GrammarCache(tokenizer: try Self.tokenizer(), budget: GrammarFixture.budget)
    let first = try cache.grammar(Self.source(0), namespace: .shared)
    #expect(try cache.grammar(Self.source(0), namespace: .shared) === first)
    let tenant = try cache.grammar(Self.source(0), namespace: CacheNamespace("tenant"))
    #expect(tenant !== first)
    #expect(try cache.grammar(Self.source(0), namespace: CacheNamespace("tenant")) === tenant)
  }

  @Test func whatWasUsedLongestAgoGoesFirst() throws {
    let tokenizer = try Self.tokenizer()
    let size = try GrammarCache(tokenizer: tokenizer, budget: GrammarFixture.budget)
      .grammar(Self.source(0), namespace: .shared).byteCount
    // Room for nine, of which each is under an eighth.
    let cache = GrammarCache(tokenizer: tokenizer, budget: GrammarFixture.budget, maxBytes: size * 9 + size / 2)
    let used = try cache.grammar(Self.source(0), namespace: .shared)
    let left = try cache.grammar(Self.source(1), namespace: .shared)
    for index in 2..<12 {
      _ = try cache.grammar(Self.source(index), namespace: .shared)
      #expect(try cache.grammar(Self.source(0), namespace: .shared) === used)
    }
    #expect(try cache.grammar(Self.source(1), namespace: .shared) !== left)
  }

  @Test func aCompilationEndsAtItsDeadline() throws {
    var budget = GrammarBudget()
    budget.compileTime = .zero
    let cache = GrammarCache(tokenizer: try Self.tokenizer(), budget: budget)
    _ = cache.vocabulary
    let words = (0..<500).map { #""word \#($0)""# }.joined(separator: ",")
    let error = #expect(throws: GrammarError.self) {
      try cache.grammar(.jsonSchema(#"{"enum":[\#(words)]}"#, .any), namespace: .shared)
    }
    #expect(error?.message.contains("compile time") == true)
  }

  @Test func aCompilationEndsWithItsTask() async throws {
    let cache = GrammarCache(tokenizer: try Self.tokenizer(), budget: GrammarFixture.budget)
    let words = (0..<500).map { #""word \#($0)""# }.joined(separator: ",")
    let source = GrammarSource.jsonSchema(#"{"enum":[\#(words)]}"#, .any)
    let task = Task {
      unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
      return try cache.grammar(source, namespace: .shared)
    }
    let result = await task.result
    let error = #expect(throws: GrammarError.self) { try result.get() }
    #expect(error?.message.contains("cancelled") == true)
    #expect(throws: Never.self) { try cache.grammar(source, namespace: .shared) }
  }
}
