import Foundation
import MartletCompute
import MartletCore
import Testing

@testable import MartletModel

/// The executor on a device whose memory the host cannot touch, against the CPU: every step's tokens and log-probabilities
/// are the same, also when each step is launched before the one ahead of it is collected.
@Suite(.serialized) struct StagedExecutorTests {
  private static func executor(_ table: KernelTable, _ architecture: String) throws -> ModelExecutor {
    let model = try TinyModel(architecture: architecture)
    defer { model.remove() }
    let checkpoint = try Checkpoint(dummyPath: model.folder.path, dtype: .f32)
    var options = MemoryPlan.Options()
    options.availableBytes = 1 << 30
    options.maxRunningRequests = 4
    options.maxBatchedTokens = 64
    options.maxTotalTokens = 1024
    let plan = try MemoryPlan(
      configuration: checkpoint.configuration, checkpoint: checkpoint, table: table, options: options)
    return try ModelExecutor(device: try Device(table: table), checkpoint: checkpoint, plan: plan)
  }

  private static func requests() throws -> [GenerationRequest] {
    func prompt(_ length: Int, _ factor: Int) -> [TokenID] { (0..<length).map { TokenID(Int32(($0 * factor) % 300)) } }
    var greedy = SamplingParameters.Fields()
    greedy.temperature = 0
    var penalized = SamplingParameters.Fields()
    penalized.temperature = 0.8
    penalized.topK = 40
    penalized.repetitionPenalty = 1.3
    penalized.frequencyPenalty = 0.4
    penalized.bias = [SamplingParameters.Bias(token: TokenID(7), value: 2)]
    penalized.seed = 3
    var random = SamplingParameters.Fields()
    random.temperature = 1.2
    random.topP = 0.9
    random.seed = 11
    let stop = try StopCriteria(maxTokens: 10)
    return [
      GenerationRequest(prompt: prompt(20, 37), sampling: try SamplingParameters(greedy), stop: stop),
      GenerationRequest(
        prompt: prompt(9, 11), sampling: try SamplingParameters(penalized), stop: stop,
        logprobs: LogprobOptions(output: true, topCount: 3, promptStart: 1, tokens: [TokenID(4)])),
      GenerationRequest(
        prompt: prompt(13, 5), sampling: try SamplingParameters(random),
        stop: try StopCriteria(
          maxTokens: 10, minTokens: 6, stopTokens: Set((0..<290).map { TokenID(Int32($0)) })),
        logprobs: LogprobOptions(output: true, topCount: 0, promptStart: nil)),
    ]
  }

  /// The rows of one prefill step and nine decode steps of all requests.
  private static func results(_ executor: inout ModelExecutor, overlap: Bool) throws -> [StepResult.Row] {
    let requests = try requests()
    var rows: [StepResult.Row] = []
    var ahead: StepTicket?
    for step in 0..<10 {
      var plan = StepPlan()
      if step == 0 {
        plan.admissions = requests.enumerated().map {
          SlotAdmission(slot: SlotIndex(Int32($0)), request: $1, generated: [])
        }
      }
      plan.rows = requests.enumerated().map { index, request in
        let length = request.prompt.count + step
        let scored = step == 0 && request.logprobs.promptStart != nil ? 0..<(request.prompt.count - 1) : 0..<0
        return StepRow(
          request: RequestID(UInt64(index)), slot: SlotIndex(Int32(index)),
          input: step == 0 ? .tokens(request.prompt) : .lastSampled, start: step == 0 ? 0 : length - 1,
          pages: (0..<((length + 15) / 16)).map { PageIndex(Int32(index * 8 + $0)) }, samples: true,
          promptLogprobs: scored)
      }
      let ticket = try executor.launch(plan)
      if let previous = ahead.take() { rows += try executor.collect(previous).rows }
      if overlap {
        ahead = .some(consume ticket)
      } else {
        rows += try executor.collect(ticket).rows
      }
    }
    if let last = ahead.take() { rows += try executor.collect(last).rows }
    return rows
  }

  @Test(arguments: ["LlamaForCausalLM", "Qwen2ForCausalLM", "Gemma3ForCausalLM"])
  func hostCodeNeverTouchesDeviceMemory(architecture: String) throws {
    var staged = try Self.executor(try #require(StagedTable.table), architecture)
    var shared = try Self.executor(try #require(KernelTable(cpu: .best)), architecture)
    let expected = try Self.results(&shared, overlap: false)
    for overlap in [false, true] {
      let rows = try Self.results(&staged, overlap: overlap)
      #expect(rows.count == expected.count)
      for (index, (row, wanted)) in zip(rows, expected).enumerated() {
        #expect(row.sampled == wanted.sampled, "row \(index), overlap \(overlap)")
        Self.expectNear(row.logprobs + row.promptLogprobs, wanted.logprobs + wanted.promptLogprobs)
      }
      var end = StepPlan()
      end.releases = (0..<3).map { SlotIndex(Int32($0)) }
      let ticket = try staged.launch(end)
      _ = try staged.collect(ticket)
    }
  }

  @Test func aStepWithoutRowsReturnsNone() throws {
    var staged = try Self.executor(try #require(StagedTable.table), "LlamaForCausalLM")
    let ticket = try staged.launch(StepPlan())
    #expect(try staged.collect(ticket).rows.isEmpty)
  }

  private static func expectNear(_ values: [TokenLogprobs], _ expected: [TokenLogprobs]) {
    #expect(values.map(\.token) == expected.map(\.token))
    for (value, wanted) in zip(values, expected) {
      #expect(abs(value.logprob - wanted.logprob) < 1e-4)
      #expect(value.top.map(\.token) == wanted.top.map(\.token))
      for (left, right) in zip(value.selected, wanted.selected) { #expect(abs(left.logprob - right.logprob) < 1e-4) }
    }
  }
}
