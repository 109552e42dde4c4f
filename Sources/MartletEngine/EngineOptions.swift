package import MartletCore

/// What an engine is built for; resolved once, before the engine starts. Units: tokens unless a name says pages.
package struct EngineOptions: Sendable, Equatable {
  package var pageSize = 16
  package var pageCount: Int
  package var contextLength: Int
  package var vocabularySize: Int
  package var maxRunningRequests = 64
  /// Tokens computed by one step, decodes and prefill chunks together. Never more sequences run than this.
  package var maxBatchedTokens = 512
  /// Prompt tokens of a step that also decodes: its length is what other streams wait for their next token. nil: what the
  /// step has room for.
  package var maxMixedPrefillTokens: Int?
  /// Prompts worked on in one step; nil: as many as the budget holds.
  package var maxPrefillRows: Int?
  /// Requests held beyond the running ones before `queueFull`.
  package var maxQueuedRequests = 4096
  package var policy = SchedulePolicy.longestPrefixMatch
  package var eviction = EvictionPolicy.leastRecentlyUsed
  package var enablePrefixCache = true
  /// Plan and launch a step before the one ahead of it has been collected.
  package var overlap = false
  /// nil: no speculation. Needs the tokens of all earlier steps, so that it does not go with `overlap`.
  package var speculation: SpeculationOptions?

  package init(pageCount: Int, contextLength: Int, vocabularySize: Int) {
    self.pageCount = pageCount
    self.contextLength = contextLength
    self.vocabularySize = vocabularySize
  }

  /// What one request may hold, and all of them together.
  package var limits: EngineLimits {
    EngineLimits(
      contextLength: min(contextLength, pageCount * pageSize), vocabularySize: vocabularySize,
      maxRunningRequests: runningLimit, maxTotalTokens: pageCount * pageSize,
      maxLiveRequests: runningLimit + maxQueuedRequests)
  }

  /// Every running sequence must find a token of budget in a step, so that none starves.
  var runningLimit: Int { min(maxRunningRequests, maxBatchedTokens) }
}
