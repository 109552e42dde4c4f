import Foundation
import MartletCompute
import MartletCore
import Testing

@testable import MartletModel

/// Runs dummy models of every family: no goldens, but what must hold for any weights.
@Suite struct ModelExecutorTests {
  static func executor(_ architecture: String, _ overrides: [String: Any] = [:]) throws -> ModelExecutor {
    let model = try TinyModel(overrides, architecture: architecture)
    defer { model.remove() }
    let checkpoint = try Checkpoint(dummyPath: model.folder.path, dtype: .f32)
    let table = try #require(KernelTable(cpu: .best))
    var options = MemoryPlan.Options()
    options.availableBytes = 1 << 30
    options.maxRunningRequests = 4
    options.maxBatchedTokens = 128
    options.maxTotalTokens = 1024
    let plan = try MemoryPlan(
      configuration: checkpoint.configuration, checkpoint: checkpoint, table: table, options: options)
    return try ModelExecutor(device: try Device(table: table), checkpoint: checkpoint, plan: plan)
  }

  /// Greedy tokens and their logprobs of one prompt, prefilled in chunks, with other rows beside it.
  private static func generate(
    _ executor: inout ModelExecutor, prompt: [Int32], chunk: Int, firstPage: Int32, neighbour: Bool
  ) throws -> [UInt32] {
    var fields = SamplingParameters.Fields()
    fields.temperature = 0
    let tokens = prompt.map { TokenID($0) }
    let request = GenerationRequest(
      prompt: tokens, sampling: try SamplingParameters(fields), stop: try StopCriteria(maxTokens: 8),
      logprobs: LogprobOptions(output: true, topCount: 2, promptStart: nil))
    var plan = StepPlan()
    plan.admissions = [SlotAdmission(slot: SlotIndex(1), request: request, generated: [])]
    if neighbour { plan.admissions.append(SlotAdmission(slot: SlotIndex(0), request: request, generated: [])) }
    var history = tokens, done = 0
    var values: [UInt32] = []
    while values.count < 16 {
      let count = done < tokens.count ? min(chunk, tokens.count - done) : 1
      let pages = (0..<((done + count + 15) / 16)).map { PageIndex(firstPage + Int32($0)) }
      plan.rows = [
        StepRow(
          request: RequestID(1), slot: SlotIndex(1), input: .tokens(Array(history[done..<(done + count)])), start: done,
          pages: pages, samples: done + count == history.count)
      ]
      if neighbour {
        plan.rows.insert(
          StepRow(
            request: RequestID(2), slot: SlotIndex(0), input: .tokens([TokenID(5), TokenID(6)]), start: 0,
            pages: [PageIndex(60)], samples: true), at: 0)
      }
      let ticket = try executor.launch(plan)
      let result = try executor.collect(ticket)
      plan.admissions = []
      done += count
      guard let row = result.rows.last, let token = row.sampled.first else { continue }
      history.append(token)
      values += [UInt32(bitPattern: token.rawValue), row.logprobs[0].logprob.bitPattern]
    }
    plan = StepPlan()
    plan.releases = [SlotIndex(1)] + (neighbour ? [SlotIndex(0)] : [])
    let ticket = try executor.launch(plan)
    _ = try executor.collect(ticket)
    return values
  }

  @Test(arguments: [
    "LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM", "Gemma3ForCausalLM",
  ])
  func bitsDependNeitherOnChunksNorNeighboursNorPages(architecture: String) throws {
    var overrides: [String: Any] = [:]
    if architecture == "MistralForCausalLM" || architecture == "Gemma3ForCausalLM" { overrides["sliding_window"] = 24 }
    if architecture == "Gemma3ForCausalLM" { overrides["num_hidden_layers"] = 7 }
    var executor = try Self.executor(architecture, overrides)
    let prompt = (0..<50).map { Int32(($0 * 37) % 300) }
    let alone = try Self.generate(&executor, prompt: prompt, chunk: 128, firstPage: 0, neighbour: false)
    for (chunk, page) in [(1, Int32(8)), (7, Int32(20)), (16, Int32(33))] {
      #expect(try Self.generate(&executor, prompt: prompt, chunk: chunk, firstPage: page, neighbour: false) == alone)
      #expect(try Self.generate(&executor, prompt: prompt, chunk: chunk, firstPage: page, neighbour: true) == alone)
    }
  }

  /// Greedy or sampled tokens of one prompt, a step at a time or with guesses of which some are right.
  private static func draws(temperature: Float, guesses: (_ known: [TokenID]) -> [TokenID]) throws -> [TokenID] {
    var executor = try Self.executor("LlamaForCausalLM")
    var fields = SamplingParameters.Fields()
    fields.temperature = Double(temperature)
    fields.seed = 11
    var history = (0..<20).map { TokenID(Int32($0 * 7 % 300)) }
    let request = GenerationRequest(
      prompt: history, sampling: try SamplingParameters(fields), stop: try StopCriteria(maxTokens: 100))
    var plan = StepPlan()
    plan.admissions = [SlotAdmission(slot: SlotIndex(2), request: request, generated: [])]
    var drawn: [TokenID] = []
    var start = 0
    while drawn.count < 24 {
      let draft = drawn.isEmpty ? [] : guesses(drawn)
      let input = Array(history[start...]) + draft
      let pages = (0..<((start + input.count + 15) / 16)).map { PageIndex(Int32($0)) }
      plan.rows = [
        StepRow(
          request: RequestID(1), slot: SlotIndex(2), input: .tokens(input), start: start, pages: pages, samples: true,
          draftCount: draft.count)
      ]
      let ticket = try executor.launch(plan)
      let sampled = try executor.collect(ticket).rows[0].sampled
      #expect((1...draft.count + 1).contains(sampled.count))
      plan.admissions = []
      start = history.count - 1 + sampled.count
      history += sampled
      drawn += sampled
    }
    return Array(drawn.prefix(24))
  }

  @Test(arguments: [Float(0), 0.9]) func guessesDoNotChangeWhatIsDrawn(temperature: Float) throws {
    let expected = try Self.draws(temperature: temperature) { _ in [] }
    let right = try Self.draws(temperature: temperature) { known in
      Array(expected[min(known.count, 24)..<min(known.count + 5, 24)])
    }
    #expect(right == expected)
    let partly = try Self.draws(temperature: temperature) { known in
      expected[min(known.count, 24)..<min(known.count + 4, 24)].enumerated()
        .map { $0.offset == known.count % 4 ? TokenID(299 - $0.element.rawValue) : $0.element }
    }
    #expect(partly == expected)
  }

  @Test func configurationErrorsNameTheField() throws {
    for (field, value) in [
      ("hidden_size", 0), ("num_key_value_heads", 3), ("vocab_size", -5), ("head_dim", 7), ("head_dim", 520),
      ("vocab_size", 1 << 22),
      ("num_hidden_layers", 1 << 40),
    ] {
      let model = try TinyModel([field: value])
      defer { model.remove() }
      let error = #expect(throws: CheckpointError.self) { try Checkpoint(dummyPath: model.folder.path) }
      #expect(error?.field == field)
    }
    let unknown = try TinyModel(architecture: "MambaForCausalLM")
    defer { unknown.remove() }
    let error = #expect(throws: CheckpointError.self) { try Checkpoint(dummyPath: unknown.folder.path) }
    #expect(error?.remedy.contains("Llama") == true)
  }
}
