import Foundation
import MartletCompute
import MartletCore
import Testing

@testable import MartletModel

/// Runs dummy models of every family: no goldens, but what must hold for any weights.
@Suite struct ModelExecutorTests {
  private static func executor(_ architecture: String, _ overrides: [String: Any] = [:]) throws -> ModelExecutor {
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
