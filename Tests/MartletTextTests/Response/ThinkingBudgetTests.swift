import MartletCore
import Testing

@testable import MartletText

/// What becomes of answers that a model wants to write.
@Suite struct ThinkingBudgetTests {
  private static let think = TokenID(256), close = TokenID(257), end = TokenID(258)

  /// Token i is the byte i; the tags of thinking are tokens of their own.
  private static func tokenizer() throws -> Tokenizer {
    var tokens = TokenList()
    for byte in UInt8.min...UInt8.max { tokens.append(String(ByteAlphabet.scalars[Int(byte)]).utf8) }
    let names = ["<think>", "</think>", "<|end|>"]
    for name in names { tokens.append(name.utf8) }
    var description = TokenizerDescription(
      model: .byteLevelBPE(merges: MergeList(), ignoreMerges: false), tokens: tokens)
    description.added = names.enumerated().map { .init(id: Int32(256 + $0), content: $1, special: true) }
    return try Tokenizer(description)
  }

  /// Writes `wish`, and what is forced in between: then the wish waits.
  private static func answer(
    _ wish: String, limit: Int, prompt: String = "", format: String = "qwen3", resumedAfter: Int? = nil,
    inner: ((Tokenizer) throws -> any TokenConstraint)? = nil
  ) throws -> String {
    let tokenizer = try tokenizer(), reasoning = try #require(ReasoningFormat.named(format))
    let budget = ThinkingBudget(
      limit: limit, format: reasoning, prompt: prompt, tokenizer: tokenizer, inner: try inner?(tokenizer))
    var state = budget.state(after: []), written: [TokenID] = []
    var wanted = tokenizer.encode(wish, addSpecialTokens: false)[...]
    while written.count < 400 {
      let mask = state.mask()
      let isFree = { (token: TokenID) in
        mask.map {
          Int(token.rawValue >> 5) < $0.count && $0[Int(token.rawValue >> 5)] >> UInt32(token.rawValue & 31) & 1 == 1
        }
          ?? true
      }
      let forced = (0..<Int32(259)).map { TokenID($0) }.filter(isFree)
      let token: TokenID
      if forced.count == 1 {
        token = forced[0]
      } else if let next = wanted.popFirst() {
        guard isFree(next) else { continue }
        token = next
      } else {
        break
      }
      written.append(token)
      if token == end, inner != nil { break }
      state.advance(token)
      if written.count == resumedAfter { state = budget.state(after: written) }
    }
    return tokenizer.decode(written, skipSpecialTokens: false)
  }

  @Test func reasoningThatFitsIsLeftAlone() throws {
    let text = "<think>\nabc\n</think>\n\nYes."
    #expect(try Self.answer(text, limit: 6) == text)
    #expect(try Self.answer("Yes, at once: <think>", limit: 0) == "Yes, at once: <think>")
  }

  @Test func reasoningOfTheModelsOwnIsClosed() throws {
    #expect(try Self.answer("<think>abcdefgh", limit: 3) == "<think>abc\n</think>\n\ndefgh")
    #expect(try Self.answer(" \n<think>ab\ncd", limit: 3) == " \n<think>ab\n</think>\n\ncd")
  }

  @Test func reasoningThatThePromptOpensIsClosed() throws {
    #expect(try Self.answer("abcdef", limit: 2, prompt: "assistant\n<think>\n") == "ab\n</think>\n\ncdef")
    #expect(try Self.answer("abcdef", limit: 2, format: "deepseek-r1") == "ab\n</think>\n\ncdef")
    #expect(try Self.answer("abcdef", limit: 2, prompt: "<think>\n\n</think>\n\n") == "abcdef")
  }

  @Test func noneIsClosedAtOnce() throws {
    #expect(try Self.answer("abc", limit: 0, prompt: "<think>\n") == "</think>\n\nabc")
    #expect(try Self.answer("<think>abc", limit: 0) == "<think></think>\n\nabc")
  }

  @Test func aTagThatHasBegunIsCompleted() throws {
    #expect(try Self.answer("<mm:think>ab</mmcd", limit: 6, format: "minimax-m3") == "<mm:think>ab</mm:think>\n\ncd")
  }

  @Test func aCallEndsTheReasoning() throws {
    let text = "<think>a<tool_call>{}</tool_call> and so on"
    #expect(try Self.answer(text, limit: 14) == text)
  }

  @Test func aResumedGenerationGoesOnWhereItWas() throws {
    for place in 1...16 {
      #expect(
        try Self.answer("<think>abcdefgh", limit: 3, resumedAfter: place) == "<think>abc\n</think>\n\ndefgh", "\(place)"
      )
    }
  }

  @Test func channelsAreClosedAndThenAnswered() throws {
    let analysis = "<|channel|>analysis<|message|>"
    let text = try Self.answer(
      analysis + "abcd<|start|>assistant" + analysis + "ef", limit: 3, format: "gpt-oss")
    #expect(
      text == analysis + "abc<|end|>d<|start|>assistant" + analysis
        + "<|end|><|start|>assistant<|channel|>final<|message|>ef")
  }

  /// The grammar waits for the tag, or describes the thinking itself.
  @Test(arguments: ["<think>\n", ""]) func aGrammarBeginsBehindTheForcedTag(prompt: String) throws {
    let text = try Self.answer((prompt.isEmpty ? "<think>" : "") + "abcdefgh42!", limit: 4, prompt: prompt) {
      tokenizer in
      let vocabulary = GrammarVocabulary(tokenizer: tokenizer)
      let digits = GrammarSource.regex("[0-9]{2}"), compiler = GrammarCompiler(vocabulary: vocabulary)
      guard prompt.isEmpty else {
        return GrammarConstraint(
          grammar: try compiler.compile(digits), endTokens: [Self.end], opening: Array("</think>".utf8))
      }
      return GrammarConstraint(
        grammar: try compiler.compile(.behindThinking(digits, open: "<think>", close: "</think>")),
        endTokens: [Self.end])
    }
    #expect(text == (prompt.isEmpty ? "<think>" : "") + "abcd\n</think>42<|end|>")
  }
}
