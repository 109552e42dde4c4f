import Martlet
import MartletCore
import MartletModel

/// Times prefill and decode steps of one batch, without a scheduler: what the kernels and the executor give at best.
struct StepTimer {
  struct Measurement {
    let prefillSeconds: Double
    /// A value for each decode step.
    let stepSeconds: [Double]
  }

  private var model: BareModel
  private let pageSize: Int

  init(_ model: BareModel) {
    self.model = model
    pageSize = model.plan.pageSize
  }

  /// Prompts of `inputLength` pseudo-random tokens in `batchSize` rows, then `outputLength` greedy steps.
  mutating func run(
    batchSize: Int, inputLength: Int, outputLength: Int, afterPrefill: () -> Void = {}
  ) throws -> Measurement {
    let vocabulary = model.configuration.vocabularySize
    let perSequence = (inputLength + outputLength + pageSize - 1) / pageSize
    var fields = SamplingParameters.Fields()
    fields.temperature = 0
    let sampling = try SamplingParameters(fields), stop = try StopCriteria(maxTokens: outputLength)
    let prompts = (0..<batchSize).map { row in
      (0..<inputLength).map {
        TokenID(Int32(truncatingIfNeeded: 3 + (($0 + 1) * 7919 + row * 104_729) % (vocabulary - 3)))
      }
    }
    var admissions: [SlotAdmission] = []
    for row in 0..<batchSize {
      let request = GenerationRequest(prompt: prompts[row], sampling: sampling, stop: stop)
      admissions.append(SlotAdmission(slot: SlotIndex(Int32(row)), request: request, generated: []))
    }
    func pages(_ row: Int, through length: Int) -> [PageIndex] {
      (0..<(length + pageSize - 1) / pageSize).map { PageIndex(Int32(row * perSequence + $0)) }
    }
    let clock = ContinuousClock()
    let prefill = try clock.measure {
      for row in 0..<batchSize {
        for start in stride(from: 0, to: inputLength, by: model.plan.maxBatchedTokens) {
          let end = min(start + model.plan.maxBatchedTokens, inputLength)
          var plan = StepPlan()
          plan.admissions = admissions
          admissions = []
          plan.rows = [
            StepRow(
              request: RequestID(UInt64(row)), slot: SlotIndex(Int32(row)),
              input: .tokens(Array(prompts[row][start..<end])),
              start: start, pages: pages(row, through: end), samples: end == inputLength)
          ]
          try step(plan)
        }
      }
    }
    afterPrefill()
    var steps: [Double] = []
    for position in inputLength..<(inputLength + outputLength - 1) {
      var plan = StepPlan()
      plan.rows = (0..<batchSize).map { row in
        StepRow(
          request: RequestID(UInt64(row)), slot: SlotIndex(Int32(row)), input: .lastSampled, start: position,
          pages: pages(row, through: position + 1), samples: true)
      }
      steps.append(try clock.measure { try step(plan) } / .seconds(1))
    }
    var end = StepPlan()
    end.releases = (0..<batchSize).map { SlotIndex(Int32($0)) }
    try step(end)
    return Measurement(prefillSeconds: prefill / .seconds(1), stepSeconds: steps)
  }

  private mutating func step(_ plan: StepPlan) throws {
    let ticket = try model.executor.launch(plan)
    _ = try model.executor.collect(ticket)
  }
}
