import Hummingbird
import MartletCore
import MartletText

/// The embeddings that one request asks for, in any dialect.
struct EmbeddingBatch: Sendable {
  struct Answer: Sendable {
    /// In the prompts' order.
    var vectors: [EmbeddingVector] = []
    var promptTokens = 0
    var cachedTokens = 0
  }

  private let requests: [GenerationRequest]
  private let dimensions: Int?
  private let generator: any Generator
  private let clients: ClientLoad

  /// Reads `dimensions`.
  init(
    _ prompts: [[TokenID]], fields: RequestFields, namespace: CacheNamespace, reader: RequestReader, model: ServedModel
  ) throws {
    guard let embeddings = model.embeddings else {
      throw APIError(
        .badRequest, "\(model.name) is served without embeddings: start the server with --pooling last or mean",
        code: "unsupported")
    }
    dimensions = try fields.integer("dimensions", in: 1...embeddings.dimensions)
    let priority = try reader.priority(fields)
    requests = try prompts.map {
      try GenerationRequest(
        embedding: $0, pooling: embeddings.pooling, namespace: namespace, priority: priority)
    }
    generator = model.generator
    clients = model.clients
  }

  /// Runs the prompts, twice as many at once as the engine takes into a step, so that a long list leaves room in the
  /// queue for others. The first failure ends all of them.
  func run() async throws -> Answer {
    let results = try await requests.mapConcurrently(width: 2 * generator.limits.maxRunningRequests) { _, request in
      try await embed(request)
    }
    var answer = Answer(vectors: results.map(\.vector))
    for (request, result) in zip(requests, results) {
      answer.promptTokens += request.prompt.count
      answer.cachedTokens += result.usage.cachedTokens
    }
    return answer
  }

  /// The same for a client that may leave.
  func run(_ context: ServerContext, _ connections: ClientConnections) async throws -> Answer {
    let presence = clients.enter(), work = Task { try await run() }
    let watch = connections.watch(context, isStream: false) { work.cancel() }
    defer {
      watch.end()
      withExtendedLifetime(presence) {}
    }
    return try await withTaskCancellationHandler {
      try await work.value
    } onCancel: {
      work.cancel()
    }
  }

  private func embed(_ request: GenerationRequest) async throws -> (vector: EmbeddingVector, usage: GenerationUsage) {
    do {
      let (pooled, usage) = try await generator.embed(request)
      return (EmbeddingVector(pooled: pooled, dimensions: dimensions), usage)
    } catch let reason as AbortReason {
      if let error = APIError(reason) { throw error }
      throw CancellationError()
    }
  }
}
