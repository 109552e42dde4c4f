import Hummingbird
import MartletCore
import MartletText

/// Ollama's /api/embed, and /api/embeddings, which it had before.
struct OllamaEmbedRoutes: Sendable {
  let model: ServedModel
  let reader: RequestReader
  let connections: ClientConnections

  private struct Prepared: Sendable {
    let batch: EmbeddingBatch
    let name: String
    /// Tokens that were left out of over-long prompts.
    let cut: Int
  }

  func embed(_ request: Request, _ context: ServerContext) async throws -> Response {
    let start = ContinuousClock.now
    let prepared = try await reader.prepare(request) { fields, namespace in
      try prepare(fields, texts: try fields.strings("input") ?? [], namespace)
    }
    let answer = try await prepared.batch.run(context, connections)
    var object: JSONObject = [
      "model": .string(prepared.name), "embeddings": .array(answer.vectors.map(\.json)),
      "total_duration": .int(Int64((ContinuousClock.now - start) / .nanoseconds(1))), "load_duration": 0,
      "prompt_eval_count": .int(Int64(answer.promptTokens)),
    ]
    if prepared.cut > 0 { object["truncated_tokens"] = .int(Int64(prepared.cut)) }
    return Response(json: .object(object))
  }

  func embeddings(_ request: Request, _ context: ServerContext) async throws -> Response {
    let prepared = try await reader.prepare(request) { fields, namespace in
      let text = try fields.string("prompt") ?? ""
      return try prepare(fields, texts: text.isEmpty ? [] : [text], namespace)
    }
    let answer = try await prepared.batch.run(context, connections)
    return Response(json: ["embedding": answer.vectors.first?.json ?? []])
  }

  /// No texts: clients send that to have the model loaded, and it is.
  private func prepare(_ fields: RequestFields, texts: [String], _ namespace: CacheNamespace) throws -> Prepared {
    try OllamaRequest.checkKeepAlive(fields)
    guard texts.count <= PromptList.limit else {
      throw InvalidField(field: "input", reason: "must have at most \(PromptList.limit) texts")
    }
    let context = try OllamaContext(fields, model: model)
    var prompts: [[TokenID]] = [], cut = 0
    for (index, text) in texts.enumerated() {
      let tokens = model.tokenizer.encode(text, addSpecialTokens: true)
      guard !tokens.isEmpty else { throw InvalidField(field: "input[\(index)]", reason: "is empty") }
      guard tokens.count <= context.size || context.cuts else {
        throw APIError(
          .badRequest,
          "the input needs \(tokens.count) tokens, but the context holds \(context.size): shorten it, or set truncate to true"
        )
      }
      prompts.append(beginning(of: tokens, limit: context.size))
      cut += max(0, tokens.count - context.size)
    }
    return Prepared(
      batch: try EmbeddingBatch(prompts, fields: fields, namespace: namespace, reader: reader, model: model),
      name: try fields.string("model") ?? model.name, cut: cut)
  }

  /// The first tokens, and the mark at the end that the tokenizer gives each text of an embedding model.
  private func beginning(of tokens: [TokenID], limit: Int) -> [TokenID] {
    guard tokens.count > limit, let last = tokens.last else { return tokens }
    let marksEnd = limit > 1 && model.tokenizer.endTokens.contains(last)
    return marksEnd ? tokens.prefix(limit - 1) + [last] : Array(tokens.prefix(limit))
  }
}
