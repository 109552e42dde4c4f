import MartletCore

/// The lookups of all running sequences.
struct Speculation {
  private let options: SpeculationOptions
  private var lookups: [RequestID: PromptLookup] = [:]

  init(options: SpeculationOptions) { self.options = options }

  /// Tokens to check behind a sequence's last one.
  /// - Parameters:
  ///   - rows: decoding rows of the step.
  ///   - limit: what budget, pages and the request's end leave room for.
  mutating func draft(for state: SequenceState, rows: Int, limit: Int) -> [TokenID] {
    let cost = options.cost(rows: rows)
    guard cost <= SpeculationOptions.highestCost, Self.drawsPlainly(state) else { return [] }
    return Array(
      lookups[state.id, default: Self.lookup(state)].draft(
        after: state.history, limit: min(limit, options.maxDraftTokens), cost: cost))
  }

  private static func lookup(_ state: SequenceState) -> PromptLookup {
    let tokens = state.request.prediction
    return PromptLookup(prediction: tokens.isEmpty ? nil : PredictedOutput(tokens, start: state.request.prompt.count))
  }

  /// Whether the draws of one step do not depend on each other: no penalties on what was generated, no constraint, no
  /// least length; and no log-probabilities, which cost more than a step saves.
  private static func drawsPlainly(_ state: SequenceState) -> Bool {
    let sampling = state.request.sampling
    return sampling.repetitionPenalty == 1 && sampling.frequencyPenalty == 0 && sampling.presencePenalty == 0
      && state.generatedCount >= state.request.stop.minTokens && !state.request.logprobs.output
      && state.request.constraint == nil
  }

  /// Takes account of a step; returns whether its guesses came from the request's prediction.
  mutating func settle(_ id: RequestID, drafted: Int, accepted: Int, rows: Int) -> Bool {
    lookups[id]?.settle(drafted: drafted, accepted: accepted, cost: options.cost(rows: rows))
    return drafted > 0 && lookups[id]?.isPredicted == true
  }

  mutating func forget(_ id: RequestID) { lookups[id] = nil }
}
