/// A snapshot of an engine's state for health, metrics and tests. Pages: total = free + cached + leased.
package struct EngineLoad: Sendable, Equatable {
  package var runningRequests = 0
  package var queuedRequests = 0
  package var pageSize = 0
  package var totalPages = 0
  package var freePages = 0
  /// Held by the prefix cache alone.
  package var cachedPages = 0
  /// Held by at least one running request.
  package var leasedPages = 0
  package var steps: UInt64 = 0
  package var promptTokens: UInt64 = 0
  package var cachedTokens: UInt64 = 0
  package var generatedTokens: UInt64 = 0
  /// Tokens proposed by speculation, and those of them that were right.
  package var draftedTokens: UInt64 = 0
  package var acceptedTokens: UInt64 = 0
  package var retractions: UInt64 = 0
  package var finishedRequests: UInt64 = 0
  /// False once the engine thread has stopped.
  package var isAlive = true
  package init() {}
}
