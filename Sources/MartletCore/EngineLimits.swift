/// What an engine can hold.
package struct EngineLimits: Sendable, Equatable {
  /// Prompt plus output tokens of one request: the model's context, or the KV pool if that is smaller.
  package let contextLength: Int
  package let vocabularySize: Int
  package let maxRunningRequests: Int
  /// KV pool size in tokens.
  package let maxTotalTokens: Int
  /// Requests that may run and wait together.
  package let maxLiveRequests: Int
  package init(
    contextLength: Int, vocabularySize: Int, maxRunningRequests: Int, maxTotalTokens: Int, maxLiveRequests: Int = .max
  ) {
    self.contextLength = contextLength
    self.vocabularySize = vocabularySize
    self.maxRunningRequests = maxRunningRequests
    self.maxTotalTokens = maxTotalTokens
    self.maxLiveRequests = maxLiveRequests
  }
}
