/// What the engine tells about one generation: at most one `prefilled`, then one `embedded` or any number of `token`,
/// exactly one `finished`.
package enum GenerationEvent: Sendable, Equatable {
  /// The prompt is in the cache. `promptLogprobs` covers positions `LogprobOptions.promptStart`..<prompt end; position 0
  /// has no logprob and is left out. `usage` tells what came from the prefix cache and what went into it.
  case prefilled(promptLogprobs: [TokenLogprobs], usage: GenerationUsage)
  /// The prompt's pooled hidden state, [hidden size], as the final norm leaves it.
  case embedded([Float])
  case token(TokenID, TokenLogprobs?)
  case finished(FinishReason, GenerationUsage)
}
