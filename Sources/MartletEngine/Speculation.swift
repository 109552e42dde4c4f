import MartletCore

/// The lookups of all running sequences.
struct Speculation {
  private let options: SpeculationOptions
  private var lookups: [RequestID: PromptLookup] = [:]
  private var forced: [RequestID: ForcedTokens] = [:]
  private var rowCost: RowCost

  init(options: SpeculationOptions) {
    self.options = options
    rowCost = RowCost(assumed: options.rowCost)
  }

  /// What one proposed token costs at `rows` decoding rows, in steps of one sequence: it slows all of them.
  func cost(rows: Int) -> Float {
    let rows = Float(max(1, rows)), share = rowCost.share
    return rows * share / (1 - share + rows * share)
  }

  /// Takes account of how long a step took that only decoded.
  mutating func note(rows: Int, seconds: Double) { rowCost.note(rows: rows, seconds: seconds) }

  /// Tokens to check behind a sequence's last one.
  /// - Parameters:
  ///   - rows: decoding rows of the step.
  ///   - limit: what budget, pages and the request's end leave room for.
  mutating func draft(for state: SequenceState, rows: Int, limit: Int) -> [TokenID] {
    guard Self.drawsPlainly(state) else { return [] }
    if let tokens = forced[state.id]?.next, !tokens.isEmpty { return Array(tokens.prefix(limit)) }
    let cost = cost(rows: rows)
    guard cost <= SpeculationOptions.highestCost, options.maxDraftTokens > 0 else { return [] }
    return Array(
      lookups[state.id, default: Self.lookup(state)].draft(
        after: state.history, limit: min(limit, options.maxDraftTokens), cost: cost))
  }

  private static func lookup(_ state: SequenceState) -> PromptLookup {
    let tokens = state.request.prediction
    return PromptLookup(prediction: tokens.isEmpty ? nil : PredictedOutput(tokens, start: state.request.prompt.count))
  }

  /// Whether the draws of one step do not depend on each other: no penalties on what was generated, no least length;
  /// and no log-probabilities, which cost more than a step saves.
  private static func drawsPlainly(_ state: SequenceState) -> Bool {
    let sampling = state.request.sampling
    return sampling.repetitionPenalty == 1 && sampling.frequencyPenalty == 0 && sampling.presencePenalty == 0
      && state.generatedCount >= state.request.stop.minTokens && !state.request.logprobs.output
  }

  /// Takes account of a step; returns whether its guesses came from the request's prediction.
  mutating func settle(_ id: RequestID, drafted: Int, accepted: Int, rows: Int) -> Bool {
    if drafted > 0, forced[id]?.settle(drafted: drafted, accepted: accepted) == true { return false }
    let cost = cost(rows: rows)
    lookups[id]?.settle(drafted: drafted, accepted: accepted, cost: cost)
    return drafted > 0 && lookups[id]?.isPredicted == true
  }

  /// Whether a sequence's tokens to check are written without a draw: there is no other way on.
  func writesForced(_ id: RequestID) -> Bool { options.writesForced && forced[id]?.next.isEmpty == false }

  /// Whether it is of use to know what must follow a sequence's tokens.
  func expectsForced(_ id: RequestID, rows: Int) -> Bool {
    let cost = cost(rows: rows)
    return options.writesForced
      || (cost <= SpeculationOptions.highestForcedCost && (forced[id] ?? ForcedTokens()).pays(cost: cost))
  }

  /// Takes note of what must follow a sequence's last token, if that is of use.
  mutating func expect(_ tokens: [TokenID], of id: RequestID, rows: Int) {
    guard !tokens.isEmpty || forced[id] != nil else { return }
    forced[id, default: ForcedTokens()].next = expectsForced(id, rows: rows) ? tokens : []
  }

  mutating func forget(_ id: RequestID) {
    lookups[id] = nil
    forced[id] = nil
  }
}
