import Martlet
import MartletCore
import MartletModel

/// A model's distributions for given tokens, and its own greedy tokens, through the executor.
struct GoldenProbe {
  private var model: BareModel
  var vocabulary: Int { model.configuration.vocabularySize }

  init(path: String, options: EngineOptions) throws { model = try BareModel(path: path, options: options) }

  /// Log-probabilities of the whole vocabulary after each token of `prompt` and of `generated` but its last.
  mutating func logprobs(prompt: [TokenID], generated: [TokenID]) throws -> [[Float]] {
    let everything = LogprobOptions(
      output: true, topCount: 0, promptStart: 1, tokens: (0..<Int32(vocabulary)).map { TokenID($0) })
    var rows: [[Float]] = []
    var plan = try admission(prompt, count: generated.count, logprobs: everything)
    for step in generated.indices {
      let length = prompt.count + step
      let input = step == 0 ? prompt : [generated[step - 1]]
      plan.rows = [row(.tokens(input), length: length, scored: step == 0 ? 0..<(prompt.count - 1) : 0..<0)]
      let ticket = try model.executor.launch(plan)
      for result in try model.executor.collect(ticket).rows {
        for values in result.promptLogprobs + result.logprobs { rows.append(values.selected.map(\.logprob)) }
      }
      plan = StepPlan()
    }
    try release()
    return rows
  }

  /// Greedy tokens, each step launched before the one ahead of it is collected.
  mutating func greedy(prompt: [TokenID], count: Int) throws -> [TokenID] {
    var tokens: [TokenID] = []
    var plan = try admission(prompt, count: count, logprobs: .none)
    var ahead: StepTicket?
    for step in 0..<count {
      plan.rows = [row(step == 0 ? .tokens(prompt) : .lastSampled, length: prompt.count + step, scored: 0..<0)]
      let ticket = try model.executor.launch(plan)
      if let previous = ahead.take() { tokens += try model.executor.collect(previous).rows.flatMap(\.sampled) }
      ahead = .some(consume ticket)
      plan = StepPlan()
    }
    if let last = ahead.take() { tokens += try model.executor.collect(last).rows.flatMap(\.sampled) }
    try release()
    return tokens
  }

  private func admission(_ prompt: [TokenID], count: Int, logprobs: LogprobOptions) throws -> StepPlan {
    var fields = SamplingParameters.Fields()
    fields.temperature = 0
    let request = GenerationRequest(
      prompt: prompt, sampling: try SamplingParameters(fields), stop: try StopCriteria(maxTokens: count),
      logprobs: logprobs)
    var plan = StepPlan()
    plan.admissions = [SlotAdmission(slot: SlotIndex(0), request: request, generated: [])]
    return plan
  }

  /// A row that ends at `length` tokens of the sequence, in the first pages.
  private func row(_ input: StepInput, length: Int, scored: Range<Int>) -> StepRow {
    let pageSize = model.plan.pageSize
    return StepRow(
      request: RequestID(0), slot: SlotIndex(0), input: input, start: length - input.count,
      pages: (0..<((length + pageSize - 1) / pageSize)).map { PageIndex(Int32($0)) }, samples: true,
      promptLogprobs: scored)
  }

  private mutating func release() throws {
    var plan = StepPlan()
    plan.releases = [SlotIndex(0)]
    let ticket = try model.executor.launch(plan)
    _ = try model.executor.collect(ticket)
  }
}
