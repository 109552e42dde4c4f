/// What became of one request. Times in seconds; `start` since the load began.
package struct BenchOutcome: Sendable {
  package var start = 0.0
  package var firstToken: Double?
  /// Gaps between the events that carried text.
  package var gaps: [Double] = []
  package var latency = 0.0
  package var inputTokens = 0
  package var outputTokens = 0
  package var cachedTokens = 0
  package var text = ""
  package var error: String?

  /// Time per output token after the first.
  package var timePerToken: Double? {
    guard let firstToken, outputTokens > 1 else { return nil }
    return (latency - firstToken) / Double(outputTokens - 1)
  }

  package init() {}
}
