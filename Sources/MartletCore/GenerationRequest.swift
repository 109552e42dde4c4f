/// A valid request for one generation: everything the engine needs, nothing it has to check again but its size.
package struct GenerationRequest: Sendable {
  package let prompt: [TokenID]
  package let sampling: SamplingParameters
  package let stop: StopCriteria
  package let logprobs: LogprobOptions
  package let namespace: CacheNamespace
  /// Higher runs first among the waiting.
  package let priority: Int
  /// Limits what may be drawn; nil: nothing does.
  package let constraint: (any TokenConstraint)?
  /// What the client thinks will come, for speculation; the output is the same with and without it.
  package var prediction: [TokenID] = []
  /// Wants the prompt's pooled hidden state; nothing is generated then.
  package private(set) var pooling: Pooling?

  package init(
    prompt: [TokenID], sampling: SamplingParameters, stop: StopCriteria, logprobs: LogprobOptions = .none,
    namespace: CacheNamespace = .shared, priority: Int = 0,
    constraint: (any TokenConstraint)? = nil
  ) {
    self.prompt = prompt
    self.sampling = sampling
    self.stop = stop
    self.logprobs = logprobs
    self.namespace = namespace
    self.priority = priority
    self.constraint = constraint
  }

  /// A request for a prompt's embedding.
  package init(
    embedding prompt: [TokenID], pooling: Pooling, namespace: CacheNamespace = .shared, priority: Int = 0
  ) throws(InvalidField) {
    self.init(
      prompt: prompt, sampling: try SamplingParameters(SamplingParameters.Fields()),
      stop: try StopCriteria(maxTokens: 0), namespace: namespace, priority: priority)
    self.pooling = pooling
  }
}
