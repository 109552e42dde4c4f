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
  }

  /// Runs the prompts, twice as many at once as the engine takes into a step, so that a long list leaves room in the
  /// queue for others. The first failure ends all of them.
  @concurrent
  func run() async throws -> Answer {
    var vectors = [EmbeddingVector?](repeating: nil, count: requests.count)
    var answer = Answer()
    try await withThrowingTaskGroup(of: (Int, EmbeddingVector, GenerationUsage).self) { group in
      var next = 0
      func submit() {
        guard next < requests.count else { return }
        let index = next
        next += 1
        group.addTask {
          let (vector, usage) = try await embed(requests[index])
          return (index, vector, usage)
        }
      }
      for _ in 0..<2 * generator.limits.maxRunningRequests { submit() }
      while let (index, vector, usage) = try await group.next() {
        vectors[index] = vector
        answer.promptTokens += requests[index].prompt.count
        answer.cachedTokens += usage.cachedTokens
        submit()
      }
    }
    answer.vectors = vectors.compactMap { $0 }
    return answer
  }

  /// The same for a client that may leave.
  func run(_ context: ServerContext, _ connections: ClientConnections) async throws -> Answer {
    let work = Task { try await run() }
    let watch = connections.watch(context, isStream: false) { work.cancel() }
    defer { watch.end() }
    return try await withTaskCancellationHandler {
      try await work.value
    } onCancel: {
      work.cancel()
    }
  }

  private func embed(_ request: GenerationRequest) async throws -> (EmbeddingVector, GenerationUsage) {
    var vector: EmbeddingVector?
    for await event in try generator.generate(request).events {
      switch event {
      case .embedded(let pooled): vector = EmbeddingVector(pooled: pooled, dimensions: dimensions)
      case .finished(.aborted(let reason), _):
        if let error = APIError(reason) { throw error }
        throw CancellationError()
      case .finished(_, let usage): if let vector { return (vector, usage) }
      case .prefilled, .token: continue
      }
    }
    throw CancellationError()
  }
}
