/// What a generation cost.
package struct GenerationUsage: Sendable, Equatable {
  package var promptTokens = 0
  /// Prompt tokens whose pages came from the prefix cache.
  package var cachedTokens = 0
  /// Prompt tokens whose pages this request computed and put into the prefix cache.
  package var writtenTokens = 0
  package var completionTokens = 0
  /// Tokens of the request's prediction that were checked ahead of their turn, and were right or wrong.
  package var acceptedPredictionTokens = 0
  package var rejectedPredictionTokens = 0
  /// Times the request lost its pages and was resumed.
  package var retractions = 0
  /// Time from admission to its first step, to its first token, and to its end, in nanoseconds.
  package var queueNanoseconds: UInt64 = 0
  package var firstTokenNanoseconds: UInt64 = 0
  package var totalNanoseconds: UInt64 = 0
  package init() {}
}
