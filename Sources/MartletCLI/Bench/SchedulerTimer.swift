import MartletCore
import MartletEngine

/// Times a scheduler against an imagined device that answers every step at once.
struct SchedulerTimer {
  /// Microseconds of planning and committing one step.
  private(set) var stepMicroseconds: [Double] = []
  private var scheduler: Scheduler
  private var lastID: UInt64 = 0
  private var random: SplitMix64
  private let inputLength: Int
  private let outputLength: Int

  init(running: Int, inputLength: Int, outputLength: Int, seed: UInt64) {
    // Room for everything that runs, and as much again for prefixes of what has ended.
    let perSequence = (inputLength + 2 * outputLength) / 16 + 2
    var options = EngineOptions(
      pageCount: 2 * running * perSequence, contextLength: inputLength + 2 * outputLength, vocabularySize: 32_000)
    options.maxRunningRequests = running
    options.maxBatchedTokens = running + 2048
    options.speculation = SpeculationOptions()
    scheduler = Scheduler(options: options)
    random = SplitMix64(seed: seed)
    self.inputLength = inputLength
    self.outputLength = outputLength
  }

  var load: EngineLoad { scheduler.load }

  /// A request of random tokens behind `prefix`, with between half and one and a half of the output length.
  mutating func admit(prefix: [TokenID] = []) throws {
    let count = max(1, inputLength - prefix.count)
    let tokens = (0..<count).map { _ in TokenID(Int32.random(in: 0..<32_000, using: &random)) }
    let output = Int.random(in: max(1, outputLength / 2)...max(1, outputLength * 3 / 2), using: &random)
    lastID += 1
    scheduler.admit(
      RequestID(lastID),
      GenerationRequest(
        prompt: prefix + tokens, sampling: try SamplingParameters(SamplingParameters.Fields()),
        stop: try StopCriteria(maxTokens: output)))
  }

  /// One step; returns the requests that ended with it.
  mutating func step() -> Int {
    let started = ContinuousClock.now
    let plan = scheduler.plan()
    var result = StepResult(rows: [])
    result.rows.reserveCapacity(plan.rows.count)
    let planned = ContinuousClock.now
    for row in plan.rows {
      var output = StepResult.Row()
      if row.samples { output.sampled = [TokenID(Int32(truncatingIfNeeded: row.start % 32_000))] }
      result.rows.append(output)
    }
    let answered = ContinuousClock.now
    let events = scheduler.commit(result, for: plan)
    _ = scheduler.takeStarted()
    let ended = ContinuousClock.now
    stepMicroseconds.append(((planned - started) + (ended - answered)) / .microseconds(1))
    return events.count { if case .finished = $0.1 { true } else { false } }
  }

  mutating func forgetTimes() { stepMicroseconds = [] }
}
