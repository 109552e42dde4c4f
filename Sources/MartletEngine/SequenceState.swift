import MartletCore

/// What is known about one generation; it survives a retraction.
struct SequenceState {
  let id: RequestID
  let request: GenerationRequest
  /// Counts admissions: smaller came earlier.
  let arrival: UInt64
  /// Prompt, then the generated tokens that the host has seen.
  private(set) var history: [TokenID]
  /// Tokens being sampled by steps that are not committed yet.
  var samplesInFlight = 0
  /// The next prompt position whose logprob is still to be computed; the prompt's length when there is none.
  var nextScored: Int
  var promptLogprobs: [TokenLogprobs] = []
  /// The next prompt position whose hidden state is still wanted; the prompt's length when there is none.
  private(set) var nextPooled: Int
  private var pool: HiddenStatePool?
  var isPrefilled = false
  /// Nil until the request first ran.
  var cachedTokens: Int?
  var retractions = 0
  /// Prompt tokens whose pages this request put into the cache, and the end of the last of them.
  private var written = (tokens: 0, end: 0)
  private var predicted = (accepted: 0, rejected: 0)

  init(id: RequestID, request: GenerationRequest, arrival: UInt64) {
    self.id = id
    self.request = request
    self.arrival = arrival
    history = request.prompt
    nextScored = request.logprobs.promptStart.map { min(max($0, 1), request.prompt.count) } ?? request.prompt.count
    switch request.pooling {
    case nil: nextPooled = request.prompt.count
    case .last?: nextPooled = request.prompt.count - 1
    case .mean?: nextPooled = 0
    }
    pool = request.pooling.map { _ in HiddenStatePool() }
  }

  var generatedCount: Int { history.count - request.prompt.count }
  var generated: [TokenID] { Array(history[request.prompt.count...]) }

  /// Full pages that may come from the cache: the last token's logits are needed, those that score prompt tokens, and
  /// the hidden states that are pooled.
  func reusablePages(pageSize: Int) -> Int {
    let last = nextScored < request.prompt.count ? nextScored - 1 : history.count - 1
    let pooled = nextPooled < request.prompt.count ? nextPooled : history.count - 1
    return min(last, pooled, history.count - 1) / pageSize
  }

  /// Takes note of a page that went into the cache; one that is computed again after a retraction counts once.
  mutating func noteWritten(_ page: Range<Int>) {
    guard page.lowerBound >= written.end, page.upperBound <= request.prompt.count else { return }
    written = (written.tokens + page.count, page.upperBound)
  }

  /// Takes note of tokens of the prediction that a step has checked.
  mutating func notePrediction(accepted: Int, rejected: Int) {
    predicted = (predicted.accepted + accepted, predicted.rejected + rejected)
  }

  var usage: GenerationUsage {
    var usage = GenerationUsage()
    usage.promptTokens = request.prompt.count
    usage.cachedTokens = cachedTokens ?? 0
    usage.writtenTokens = written.tokens
    usage.completionTokens = generatedCount
    usage.acceptedPredictionTokens = predicted.accepted
    usage.rejectedPredictionTokens = predicted.rejected
    usage.retractions = retractions
    return usage
  }

  /// Takes in what a step produced for this generation and tells what there is to report.
  mutating func accept(_ output: StepResult.Row, from row: StepRow) -> [GenerationEvent] {
    var events: [GenerationEvent] = []
    if !row.promptLogprobs.isEmpty {
      promptLogprobs += output.promptLogprobs
      nextScored = row.start + row.promptLogprobs.upperBound + 1
    }
    if !row.pooled.isEmpty {
      pool?.add(output.hidden, rows: row.pooled.count)
      nextPooled = row.start + row.pooled.upperBound
    }
    if !isPrefilled, row.start + row.input.count >= request.prompt.count {
      isPrefilled = true
      events.append(.prefilled(promptLogprobs: promptLogprobs, usage: usage))
      promptLogprobs = []
      if let pooled = pool?.mean {
        guard pooled.allSatisfy(\.isFinite) else { return events + [.finished(.aborted(.invalidLogits), usage)] }
        events.append(.embedded(pooled))
      }
      if request.stop.maxTokens == 0 { return events + [.finished(.length, usage)] }
    }
    guard row.samples else { return events }
    samplesInFlight -= 1
    if row.forcedCount > 0, case .tokens(let tokens) = row.input {
      for token in tokens.suffix(row.forcedCount) {
        history.append(token)
        events.append(.token(token, nil))
      }
    }
    if output.sampled.isEmpty { return events + [.finished(.aborted(.invalidLogits), usage)] }
    for (index, token) in output.sampled.enumerated() {
      guard token.rawValue >= 0 else { return events + [.finished(.aborted(.invalidLogits), usage)] }
      history.append(token)
      events.append(.token(token, index < output.logprobs.count ? output.logprobs[index] : nil))
      if request.stop.stopTokens.contains(token), generatedCount > request.stop.minTokens {
        return events + [.finished(.stopToken(token), usage)]
      }
      if generatedCount >= request.stop.maxTokens { return events + [.finished(.length, usage)] }
    }
    return events
  }
}
