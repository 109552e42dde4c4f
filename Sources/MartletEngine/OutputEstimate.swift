import MartletCore

/// How much of its output limit a running request is expected to use, so that pages are kept for it. The share falls
/// while no request has to be retracted and is set from what the running ones have produced when one must
/// (SGLang's new-token ratio).
struct OutputEstimate {
  private static let start = 0.7
  private static let least = 0.1
  private static let decay = (start - least) / 600
  /// A limit beyond this says that the client set none.
  private static let longestExpected = 4096
  private static let stepsAfterRetraction = 20

  private var ratio = start

  func pages(for state: SequenceState, held: Int, pageSize: Int) -> Int {
    let left = state.request.stop.maxTokens - state.generatedCount
    let expected = Int(Double(min(left, Self.longestExpected)) * ratio)
    return max(0, (state.history.count + expected + pageSize - 1) / pageSize - held)
  }

  mutating func stepped() { ratio = max(Self.least, ratio - Self.decay) }

  mutating func retracted(among running: [RunningSequence]) {
    let limit = running.reduce(1) { $0 + min($1.state.request.stop.maxTokens, Self.longestExpected) }
    let produced = running.reduce(0) { $0 + $1.state.generatedCount + Self.stepsAfterRetraction }
    ratio = min(1, max(ratio, Double(produced) / Double(limit)))
  }
}
