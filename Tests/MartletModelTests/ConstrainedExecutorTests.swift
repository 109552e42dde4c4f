import MartletCore
import Testing

@testable import MartletModel
@testable import MartletText

/// Draws under a grammar, with steps in flight as the engine has them.
@Suite struct ConstrainedExecutorTests {
  private static let end = TokenID(299)

  /// Token i is the byte i.
  private static func vocabulary() throws -> GrammarVocabulary {
    var tokens = TokenList()
    for byte in UInt8.min...UInt8.max { tokens.append(String(ByteAlphabet.scalars[Int(byte)]).utf8) }
    let model = TokenizerDescription.Model.byteLevelBPE(merges: MergeList(), ignoreMerges: false)
    return GrammarVocabulary(tokenizer: try Tokenizer(TokenizerDescription(model: model, tokens: tokens)))
  }

  private static func request(_ source: GrammarSource, temperature: Double, seed: UInt64) throws -> GenerationRequest {
    var fields = SamplingParameters.Fields()
    fields.temperature = temperature
    fields.seed = seed
    let grammar = try GrammarCompiler(vocabulary: vocabulary()).compile(source)
    return GenerationRequest(
      prompt: [1, 2, 3].map { TokenID($0) }, sampling: try SamplingParameters(fields),
      stop: try StopCriteria(maxTokens: 64, minTokens: 40, stopTokens: [end]),
      constraint: GrammarConstraint(grammar: grammar, endTokens: [end]))
  }

  /// The text up to the end token; every step is launched before the one before it is collected.
  private static func text(_ request: GenerationRequest, generated: [TokenID] = []) throws -> String {
    var executor = try ModelExecutorTests.executor("LlamaForCausalLM")
    var plan = StepPlan()
    plan.admissions = [SlotAdmission(slot: SlotIndex(0), request: request, generated: generated)]
    var bytes = generated.map { UInt8(truncatingIfNeeded: $0.rawValue) }
    var start = 0
    var input = StepInput.tokens(request.prompt + generated)
    var waiting: [UInt64] = []
    while start < 100 {
      let end = start + input.count
      plan.rows = [
        StepRow(
          request: RequestID(1), slot: SlotIndex(0), input: input, start: start,
          pages: (0..<(end + 15) / 16).map { PageIndex(Int32($0)) }, samples: true)
      ]
      waiting.append(try executor.launch(plan).serial)
      plan.admissions = []
      start = end
      input = .lastSampled
      guard waiting.count == 2 else { continue }
      let result = try executor.collect(StepTicket(serial: waiting.removeFirst()))
      guard let token = result.rows.first?.sampled.first, token != Self.end else { break }
      bytes.append(UInt8(truncatingIfNeeded: token.rawValue))
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test(arguments: [0, 1.0]) func drawsKeepToTheGrammar(temperature: Double) throws {
    for seed in UInt64(0)..<4 {
      let request = try Self.request(.regex("[a-c]{3}(x|yz){2}"), temperature: temperature, seed: seed)
      let text = try Self.text(request)
      #expect(text.wholeMatch(of: /[a-c]{3}(x|yz){2}/) != nil, "\(text)")
    }
  }

  @Test func aResumedGenerationGoesOnWhereItWas() throws {
    let request = try Self.request(.choice(["abcd", "abef"]), temperature: 1, seed: 3)
    let text = try Self.text(request, generated: "abe".utf8.map { TokenID(Int32($0)) })
    #expect(text == "abef")
  }

  /// The text as `text` writes it, with guesses behind each token; `change`: what becomes of those that must be right.
  /// - Parameter writes: they are not guesses, but written without a draw.
  private static func guessedText(
    _ request: GenerationRequest, writes: Bool = false, change: ([TokenID]) -> [TokenID]
  ) throws -> (text: String, steps: Int) {
    var executor = try ModelExecutorTests.executor("LlamaForCausalLM")
    var plan = StepPlan()
    plan.admissions = [SlotAdmission(slot: SlotIndex(0), request: request, generated: [])]
    var written: [TokenID] = [], guesses: [TokenID] = [], steps = 0
    while written.last != end, steps < 64 {
      let start = written.isEmpty ? 0 : request.prompt.count + written.count - 1
      let input = written.last.map { [$0] + guesses } ?? request.prompt
      var row = StepRow(
        request: RequestID(1), slot: SlotIndex(0), input: .tokens(input), start: start,
        pages: (0..<(start + input.count + 15) / 16).map { PageIndex(Int32($0)) }, samples: true,
        draftCount: writes ? 0 : guesses.count)
      row.looksAhead = true
      if writes {
        row.forcedCount = guesses.count
        written += guesses
      }
      plan.rows = [row]
      let result = try executor.collect(try executor.launch(plan))
      plan.admissions = []
      written += result.rows[0].sampled
      guesses = change(result.rows[0].forced)
      steps += 1
    }
    let bytes = written.filter { $0 != end }.map { UInt8(truncatingIfNeeded: $0.rawValue) }
    return (String(decoding: bytes, as: UTF8.self), steps)
  }

  @Test(arguments: [0, 1.0]) func guessesUnderAGrammarChangeNothing(temperature: Double) throws {
    for seed in UInt64(0)..<3 {
      let request = try Self.request(
        .regex("(a|b)cdefgh(i|j)klm(no){0,2}"), temperature: temperature, seed: seed)
      let text = try Self.text(request)
      let right = try Self.guessedText(request) { $0 }
      #expect(right.text == text)
      // The first of ten or more tokens, the choices, and the end.
      #expect(right.steps <= 9)
      // Where tokens are bytes there is one way to write what is forced.
      let jumped = try Self.guessedText(request, writes: true) { $0 }
      #expect(jumped.text == text && jumped.steps == right.steps)
      // Guesses that the grammar does not allow, and guesses that it allows and the model does not draw.
      #expect(try Self.guessedText(request) { $0.dropLast() + [120, 121].map { TokenID($0) } }.text == text)
      #expect(try Self.guessedText(request) { _ in "bcdx".utf8.map { TokenID(Int32($0)) } }.text == text)
      #expect(try Self.guessedText(request) { _ in "jklmnono".utf8.map { TokenID(Int32($0)) } }.text == text)
    }
  }
}
