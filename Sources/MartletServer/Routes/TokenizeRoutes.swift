import Hummingbird
import MartletCore
import MartletText

/// /tokenize and /detokenize
struct TokenizeRoutes: Sendable {
  let model: ServedModel
  let reader: RequestReader

  func tokenize(_ request: Request) async throws -> Response {
    try await reader.prepare(request) { fields, _ in try tokenize(fields) }
  }

  private func tokenize(_ given: RequestFields) throws -> Response {
    let fields = try FormerFunctions.chatFields(given)
    let special = try fields.bool("add_special_tokens") ?? true
    let length = JSONValue.int(Int64(model.generator.limits.contextLength))
    if let messages = try fields.array("messages") {
      let conversation = try PromptBuilder.Conversation(
        messages: messages, fields: fields, tools: ToolFields(fields), reasoning: ReasoningFields(fields))
      let tokens = try model.prompts.tokens(of: conversation)
      return Response(json: ["tokens": json(tokens), "count": .int(Int64(tokens.count)), "max_model_len": length])
    }
    guard let prompts = try fields.strings("prompt") else {
      throw InvalidField(field: "prompt", reason: "or messages must be given")
    }
    let lists = prompts.map { model.tokenizer.encode($0, addSpecialTokens: special) }
    if fields.value("prompt")?.stringValue != nil {
      return Response(json: ["tokens": json(lists[0]), "count": .int(Int64(lists[0].count)), "max_model_len": length])
    }
    return Response(json: [
      "tokens": .array(lists.map(json)), "count": .array(lists.map { .int(Int64($0.count)) }), "max_model_len": length,
    ])
  }

  func detokenize(_ request: Request) async throws -> Response {
    try await reader.prepare(request) { fields, _ in try detokenize(fields) }
  }

  private func detokenize(_ fields: RequestFields) throws -> Response {
    let skip = try fields.bool("skip_special_tokens") ?? true
    guard let list = try fields.array("tokens") else { throw InvalidField(field: "tokens", reason: "is missing") }
    if list.first?.arrayValue != nil {
      let texts = try list.map { item -> JSONValue in
        let tokens = try known(item.arrayValue ?? [])
        return .string(model.tokenizer.decode(tokens, skipSpecialTokens: skip))
      }
      return Response(json: ["text": .array(texts)])
    }
    let tokens = try known(list)
    return Response(json: ["text": .string(model.tokenizer.decode(tokens, skipSpecialTokens: skip))])
  }

  private func known(_ list: [JSONValue]) throws(InvalidField) -> [TokenID] {
    let tokens = try RequestFields.tokens(list, field: "tokens"), size = model.generator.limits.vocabularySize
    if let stranger = tokens.first(where: { !(0..<Int32(clamping: size)).contains($0.rawValue) }) {
      throw InvalidField(field: "tokens", reason: "holds \(stranger.rawValue); the vocabulary has \(size) tokens")
    }
    return tokens
  }

  private func json(_ tokens: [TokenID]) -> JSONValue { .array(tokens.map { .int(Int64($0.rawValue)) }) }
}
