import MartletCore
import MartletEngine
import MartletModel

extension Engine {
  /// How the final hidden states of a prompt's tokens become one vector.
  public enum Pooling: String, Sendable, CaseIterable {
    /// As the model says; where it does not, the last token's.
    case auto
    case last
    case mean
  }

  /// Turns prompts into vectors of length 1, in their order. The engine batches them itself.
  /// - Parameter dimensions: keeps the first so many values of each, for models that were trained for that.
  /// - Throws: `MartletError` for the first prompt that cannot be served; the others are cancelled.
  public func embed(_ prompts: [Prompt], pooling: Pooling = .auto, dimensions: Int? = nil) async throws -> [[Float]] {
    let size = model.configuration.hiddenSize
    if let dimensions, !(1...size).contains(dimensions) {
      throw MartletError(.request, "dimensions must be between 1 and \(size), got \(dimensions)")
    }
    var vectors = [[Float]](repeating: [], count: prompts.count)
    try await withThrowingTaskGroup(of: (Int, [Float]).self) { group in
      var next = 0
      func submit() {
        guard next < prompts.count else { return }
        let index = next
        next += 1
        group.addTask {
          let pooled = try await self.pooled(prompts[index], pooling)
          return (index, EmbeddingVector(pooled: pooled, dimensions: dimensions).values)
        }
      }
      for _ in 0..<concurrentPrompts { submit() }
      while let (index, vector) = try await group.next() {
        vectors[index] = vector
        submit()
      }
    }
    return vectors
  }

  private func pooled(_ prompt: Prompt, _ pooling: Pooling) async throws -> [Float] {
    let kind = MartletCore.Pooling(rawValue: pooling.rawValue) ?? model.configuration.pooling ?? .last
    let request = try GenerationRequest(embedding: try tokens(of: prompt), pooling: kind)
    var vector: [Float] = []
    let stream: GenerationStream
    do { stream = try model.engine.generate(request) } catch { throw Self.error(error) }
    for await event in stream.events {
      switch event {
      case .embedded(let pooled): vector = pooled
      case .finished(.aborted(.shuttingDown), _): throw MartletError(.shutDown, "the engine was shut down")
      case .finished(.aborted(.deviceFailed(let status)), _):
        throw MartletError(.machine, "the device failed (status \(status))")
      case .finished(.aborted(.invalidLogits), _):
        throw MartletError(.model, "the model produced hidden states that are not finite")
      case .finished(.aborted(.cancelled), _): throw CancellationError()
      case .finished, .prefilled, .token: continue
      }
    }
    try Task.checkCancellation()
    return vector
  }
}
