/// Bounds of what the server keeps between requests.
package struct StateOptions: Sendable {
  /// Folder of the database; nil keeps everything in memory.
  package var directory: String?
  package var maxResponses = 10_000
  package var maxResponseBytes = 256 << 20
  package var responseLifetimeSeconds = 30 * 86_400
  package var maxFileBytes = 100 << 20
  package var maxTotalFileBytes = 1 << 30
  package var fileLifetimeSeconds = 30 * 86_400
  package var maxBatchRequests = 50_000
  /// Batches that have not ended.
  package var maxOpenBatches = 64

  package init() {}
}
