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
    return try await prompts.mapConcurrently(width: concurrentPrompts) { _, prompt in
      EmbeddingVector(pooled: try await self.pooled(prompt, pooling), dimensions: dimensions).values
    }
  }

  private func pooled(_ prompt: Prompt, _ pooling: Pooling) async throws -> [Float] {
    let kind = MartletCore.Pooling(rawValue: pooling.rawValue) ?? model.configuration.pooling ?? .last
    let request = try GenerationRequest(embedding: try tokens(of: prompt), pooling: kind)
    do {
      return try await model.engine.embed(request).pooled
    } catch let error as AdmissionError {
      throw Self.error(error)
    } catch let reason as AbortReason {
      if let error = MartletError(reason) { throw error }
      throw CancellationError()
    }
  }
}
