/// What the server needs from an engine.
package protocol Generator: Sendable {
  var limits: EngineLimits { get }
  /// Admits a request; the stream then ends with exactly one `finished`, whatever happens.
  func generate(_ request: GenerationRequest) throws(AdmissionError) -> GenerationStream
  /// Ends a generation with `.aborted(.cancelled)`; unknown ids are ignored.
  func cancel(_ id: RequestID)
  /// Empties the prefix cache; false when requests are running.
  func flushCache() async -> Bool
  func load() -> EngineLoad
}
