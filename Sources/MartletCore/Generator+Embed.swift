extension Generator {
  /// Runs a request for an embedding to its end.
  /// - Returns: the pooled hidden state, [hidden size], and what it cost.
  /// - Throws: `AdmissionError`, `AbortReason`, or `CancellationError` when the task was cancelled.
  package func embed(_ request: GenerationRequest) async throws -> (pooled: [Float], usage: GenerationUsage) {
    var result: [Float] = []
    for await event in try generate(request).events {
      switch event {
      case .embedded(let pooled): result = pooled
      case .finished(.aborted(let reason), _): throw reason
      case .finished(_, let usage): return (result, usage)
      case .prefilled, .token: continue
      }
    }
    throw CancellationError()
  }
}
