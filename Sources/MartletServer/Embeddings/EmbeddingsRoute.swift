import Hummingbird
import MartletCore
import MartletText

/// POST /v1/embeddings
struct EmbeddingsRoute: Sendable {
  let model: ServedModel
  let reader: RequestReader
  let connections: ClientConnections

  private struct Prepared: Sendable {
    let batch: EmbeddingBatch
    let isBase64: Bool
    let name: String
  }

  func handle(_ request: Request, _ context: ServerContext) async throws -> Response {
    let prepared = try await reader.prepare(request, prepare)
    return Response(json: json(try await prepared.batch.run(context, connections), prepared))
  }

  /// Answers a request of a batch.
  func answer(_ fields: RequestFields, namespace: CacheNamespace) async throws -> JSONValue {
    let prepared = try await model.workers.run { try prepare(fields, namespace) }
    return json(try await prepared.batch.run(), prepared)
  }

  private func prepare(_ fields: RequestFields, _ namespace: CacheNamespace) throws -> Prepared {
    let format = try fields.string("encoding_format") ?? "float"
    guard ["float", "base64"].contains(format) else {
      throw InvalidField(field: "encoding_format", reason: "must be float or base64")
    }
    let prompts = try PromptList(fields, "input", model: model).prompts
    if let index = prompts.firstIndex(where: \.isEmpty) {
      throw InvalidField(field: prompts.count == 1 ? "input" : "input[\(index)]", reason: "is empty")
    }
    return Prepared(
      batch: try EmbeddingBatch(prompts, fields: fields, namespace: namespace, reader: reader, model: model),
      isBase64: format == "base64", name: try fields.string("model") ?? model.name)
  }

  private func json(_ answer: EmbeddingBatch.Answer, _ prepared: Prepared) -> JSONValue {
    let data = answer.vectors.enumerated().map { index, vector -> JSONValue in
      [
        "object": "embedding", "index": .int(Int64(index)),
        "embedding": prepared.isBase64 ? vector.base64 : vector.json,
      ]
    }
    let tokens = JSONValue.int(Int64(answer.promptTokens))
    return [
      "object": "list", "data": .array(data), "model": .string(prepared.name),
      "usage": [
        "prompt_tokens": tokens, "total_tokens": tokens,
        "prompt_tokens_details": ["cached_tokens": .int(Int64(answer.cachedTokens))],
      ],
    ]
  }
}
