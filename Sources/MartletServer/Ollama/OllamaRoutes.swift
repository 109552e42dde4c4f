import Hummingbird
import MartletCore
import MartletText

/// Ollama's API: /api/chat, /api/generate and what clients ask around them.
struct OllamaRoutes: Sendable {
  let model: ServedModel
  let reader: RequestReader
  let connections: ClientConnections
  let clock: @Sendable () -> Int

  func chat(_ request: Request, _ context: ServerContext) async throws -> Response {
    try await answer(request, context, isChat: true)
  }

  func generate(_ request: Request, _ context: ServerContext) async throws -> Response {
    try await answer(request, context, isChat: false)
  }

  private func answer(_ request: Request, _ context: ServerContext, isChat: Bool) async throws -> Response {
    let timing = RequestTiming(request)
    let (prepared, cut) = try await reader.prepare(request) { fields, namespace in
      try prepare(fields, namespace, isChat: isChat, timing)
    }
    guard let prepared else { return loaded(isChat: isChat) }
    var answer = OllamaAnswer(
      isChat: isChat, name: prepared.name, created: clock(), cut: cut, tellsTokenIDs: prepared.returnsTokenIDs,
      tokenizer: prepared.wantsLogprobs ? model.tokenizer : nil)
    var (group, watch) = try prepared.start(context, connections, model: model)
    answer.timing = prepared.timing.map { OllamaAnswer.Timing(request: $0, admitted: group.admitted) }
    if prepared.stream != nil { return stream(group, answer, watch) }
    defer { watch.end() }
    try await group.finish()
    return Response(json: answer.whole(group.choices[0]))
  }

  /// The request, ready to run, and what was left out of its prompt; nil when it has none: clients send that to have
  /// the model loaded, and it is.
  private func prepare(
    _ fields: RequestFields, _ namespace: CacheNamespace, isChat: Bool, _ timing: RequestTiming
  ) throws -> (PreparedChat?, OllamaContext.Cut?) {
    let isEmpty =
      isChat ? try fields.array("messages")?.isEmpty ?? true : try fields.string("prompt")?.isEmpty ?? true
    var chat = isChat ? try OllamaRequest.chatFields(fields) : try OllamaRequest.generateFields(fields)
    if isEmpty { return (nil, nil) }
    let context = try OllamaContext(fields, model: model)
    var cut: OllamaContext.Cut?
    if isChat {
      (chat, cut) = try context.fit(chat)
    } else {
      let prompt = try fields.string("prompt") ?? ""
      var object = chat.object
      if let suffix = try fields.string("suffix"), !suffix.isEmpty {
        let middle = try FillInMiddle.prompt(prompt, suffix: suffix, model: model)
        object["input_ids"] = Self.json(middle.tokens)
        object["stop_token_ids"] = Self.json(middle.ends)
      } else {
        let isRaw = try fields.bool("raw") ?? false
        let whole =
          isRaw ? model.tokenizer.encode(prompt, addSpecialTokens: true) : try ChatPrompt(chat, model: model).tokens
        let tokens: [TokenID]
        (tokens, cut) = context.fit(whole)
        if isRaw || cut != nil { object["input_ids"] = Self.json(tokens) }
      }
      chat = try RequestFields(.object(object), clientNames: chat.clientNames)
    }
    do {
      let prepared = try PreparedChat(
        chat, namespace: namespace, fitsMaxTokens: true, contextLimit: context.size, timing: timing, reader: reader,
        model: model)
      return (prepared, cut)
    } catch AdmissionError.promptTooLong(let tokens, let limit) {
      let remedy = context.cuts ? "its last turn alone is too long" : "shorten it, or set truncate to true"
      throw APIError(.badRequest, "the prompt needs \(tokens) tokens, but the context holds \(limit): \(remedy)")
    }
  }

  private static func json(_ tokens: [TokenID]) -> JSONValue { .array(tokens.map { .int(Int64($0.rawValue)) }) }

  private func stream(_ group: ChoiceGroup, _ answer: OllamaAnswer, _ watch: ClientConnections.Watch) -> Response {
    EventStream.response(watch: watch, framing: .lines) { events in
      var group = group, answer = answer
      try await group.forEachUpdate { choice, deltas in
        for line in answer.append(deltas, of: choice) { try await events.send(line) }
        guard choice.isFinished else { return }
        try choice.check()
        for line in answer.finish(choice) { try await events.send(line) }
      }
    }
  }

  private func loaded(isChat: Bool) -> Response {
    var object: JSONObject = ["model": .string(model.name), "created_at": .string(Timestamp.text(clock()))]
    if isChat { object["message"] = ["role": "assistant", "content": ""] } else { object["response"] = "" }
    object["done"] = true
    object["done_reason"] = "load"
    return Response(json: .object(object))
  }

  private var details: JSONValue {
    [
      "parent_model": "", "format": "gguf", "family": .string(model.architecture),
      "families": [.string(model.architecture)], "parameter_size": .string(model.weights?.size ?? ""),
      "quantization_level": .string(model.weights?.type ?? ""),
    ]
  }

  private var digest: String {
    String(String(repeating: String(model.fingerprint.dropFirst(3)), count: 5).prefix(64))
  }

  private var entry: JSONObject {
    [
      "name": .string(model.name), "model": .string(model.name),
      "modified_at": .string(Timestamp.text(model.created)), "size": .int(Int64(model.weights?.bytes ?? 0)),
      "digest": .string(digest), "details": details,
    ]
  }

  func tags() -> Response { Response(json: ["models": [.object(entry)]]) }

  /// The served model stays in memory, so its time never runs out.
  func running() -> Response {
    var entry = entry
    entry["modified_at"] = nil
    entry["expires_at"] = "9999-12-31T23:59:59Z"
    entry["size_vram"] = 0
    entry["context_length"] = .int(Int64(model.generator.limits.contextLength))
    return Response(json: ["models": [.object(entry)]])
  }

  func show(_ request: Request) async throws -> Response {
    try await reader.prepare(request) { fields, _ in
      guard let name = try fields.string("model") ?? fields.string("name") else {
        throw InvalidField(field: "model", reason: "is missing")
      }
      guard name == model.name || name == model.name + ":latest" else {
        throw APIError(.notFound, "model '\(name)' not found")
      }
      var capabilities: [JSONValue] = ["completion"]
      if model.formats.tools != nil { capabilities.append("tools") }
      if model.formats.reasoning != nil { capabilities.append("thinking") }
      return Response(json: [
        "modelfile": .string("FROM \(model.name)\n"), "parameters": "",
        "template": .string(model.template?.source ?? ""), "details": details,
        "model_info": [
          "general.architecture": .string(model.architecture),
          "general.parameter_count": model.weights.map { .int(Int64($0.parameters)) } ?? .null,
          model.architecture + ".context_length": .int(Int64(model.generator.limits.contextLength)),
        ],
        "capabilities": .array(capabilities), "modified_at": .string(Timestamp.text(model.created)),
      ])
    }
  }

  func version() -> Response { Response(json: ["version": model.options["version"] ?? "0.0.0"]) }
}
