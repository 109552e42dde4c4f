/// What became of one request. Times in seconds; `start` since the load began.
struct BenchOutcome: Sendable {
  var start = 0.0
  var firstToken: Double?
  /// Gaps between the events that carried text.
  var gaps: [Double] = []
  var latency = 0.0
  var inputTokens = 0
  var outputTokens = 0
  var cachedTokens = 0
  var text = ""
  var error: String?

  /// Time per output token after the first.
  var timePerToken: Double? {
    guard let firstToken, outputTokens > 1 else { return nil }
    return (latency - firstToken) / Double(outputTokens - 1)
  }
}
