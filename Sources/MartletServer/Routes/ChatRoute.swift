/// Main path 1/8: a chat request's JSON becomes valid generation requests.
import Hummingbird
import MartletCore
import MartletText

/// POST /v1/chat/completions
struct ChatRoute: Sendable {
  let model: ServedModel
  let reader: RequestReader
  let connections: ClientConnections
  let clock: @Sendable () -> Int

  private struct Prepared: Sendable {
    let fields: SamplingFields
    let requests: [GenerationRequest]
    let wantsLogprobs: Bool
    let stream: StreamOptions?
    let id: String
    let name: String
    let created: Int
  }

  func handle(_ request: Request, _ context: ServerContext) async throws -> Response {
    let prepared = try await reader.prepare(request, prepare)
    var group = try ChoiceGroup(prepared.requests, fields: prepared.fields, model: model)
    let ids = group.ids
    let watch = connections.watch(context.channel) { for id in ids { model.generator.cancel(id) } }
    if let options = prepared.stream { return stream(group, prepared, options, watch) }
    defer { watch.end() }
    try await group.finish()
    return Response(json: whole(group, prepared))
  }

  private func prepare(_ fields: RequestFields, _ namespace: CacheNamespace) throws -> Prepared {
    let sampling = try SamplingFields(fields, model: model, native: false)
    try refuseUnsupported(fields)
    guard let messages = try fields.array("messages"), !messages.isEmpty else {
      throw InvalidField(field: "messages", reason: "must be a list with at least one message")
    }
    let conversation = try PromptBuilder.Conversation(messages: messages, fields: fields)
    let prompt = try fields.tokens("input_ids") ?? model.prompts.tokens(of: conversation)
    let wantsLogprobs = try fields.bool("logprobs") ?? false
    let top = try fields.integer("top_logprobs", in: 0...20) ?? 0
    guard top == 0 || wantsLogprobs else {
      throw InvalidField(field: "top_logprobs", reason: "needs logprobs to be true")
    }
    let logprobs = LogprobOptions(output: wantsLogprobs, topCount: top, promptStart: nil)
    let priority = try reader.priority(fields)
    let requests = try (0..<sampling.n).map { choice in
      try sampling.request(
        prompt: prompt, choice: choice, logprobs: logprobs, defaultMaxTokens: nil, namespace: namespace,
        priority: priority, model: model)
    }
    return Prepared(
      fields: sampling, requests: requests, wantsLogprobs: wantsLogprobs, stream: try StreamOptions(fields),
      id: try fields.string("rid") ?? Identifier.make("chatcmpl-"), name: try fields.string("model") ?? model.name,
      created: clock())
  }

  private func refuseUnsupported(_ fields: RequestFields) throws(InvalidField) {
    if let format = try fields.fields("response_format") {
      let type = try format.string("type")
      guard type == "text" else {
        throw InvalidField(
          field: "response_format.type", reason: "\"\(type ?? "")\" is not supported yet; use \"text\"")
      }
    }
    guard let choice = fields.value("tool_choice") else { return }
    guard choice.stringValue == "auto" || choice.stringValue == "none" else {
      throw InvalidField(field: "tool_choice", reason: "only \"auto\" and \"none\" are supported yet")
    }
  }

  private func whole(_ group: ChoiceGroup, _ prepared: Prepared) -> JSONValue {
    let choices = group.choices.map { choice -> JSONValue in
      [
        "index": .int(Int64(choice.index)),
        "message": [
          "role": "assistant", "content": .string(choice.assembler.text), "reasoning_content": .null,
          "tool_calls": .null,
        ],
        "logprobs": logprobs(choice.assembler.logprobs[...], prepared), "finish_reason": choice.finishReason,
        "matched_stop": choice.matchedStop,
      ]
    }
    return [
      "id": .string(prepared.id), "object": "chat.completion", "created": .int(Int64(prepared.created)),
      "model": .string(prepared.name), "choices": .array(choices), "usage": group.usage(promptCount: 1),
      "metadata": ["weight_version": "default"],
    ]
  }

  private func logprobs(_ entries: ArraySlice<TokenLogprobs>, _ prepared: Prepared) -> JSONValue {
    guard prepared.wantsLogprobs else { return .null }
    return ["content": .array(entries.map { $0.chatJSON(model.tokenizer) })]
  }

  private func stream(
    _ group: ChoiceGroup, _ prepared: Prepared, _ options: StreamOptions, _ watch: ClientConnections.Watch
  ) -> Response {
    EventStream.response(watch: watch) { events in
      var group = group
      var sentLogprobs = [Int](repeating: 0, count: group.choices.count)
      for choice in group.choices {
        try await events.send(
          chunk(prepared, choice.index, ["role": "assistant", "content": "", "reasoning_content": .null]))
      }
      try await group.forEachPiece { choice, piece in
        let fresh = choice.assembler.logprobs[sentLogprobs[choice.index]...]
        if !piece.isEmpty || (prepared.wantsLogprobs && !fresh.isEmpty) {
          sentLogprobs[choice.index] = choice.assembler.logprobs.count
          let usage = options.continuousUsage ? Self.running(choice) : nil
          try await events.send(
            chunk(
              prepared, choice.index, ["content": .string(piece), "reasoning_content": .null],
              logprobs: logprobs(fresh, prepared), usage: usage))
        }
        guard choice.isFinished else { return }
        try choice.check()
        try await events.send(
          chunk(prepared, choice.index, [:], finish: choice.finishReason, matched: choice.matchedStop))
      }
      if options.includeUsage {
        try await events.send(envelope(prepared, choices: [], usage: group.usage(promptCount: 1)))
      }
    }
  }

  private static func running(_ choice: Choice) -> JSONValue {
    let prompt = Int64(choice.prompt.count), completion = Int64(choice.assembler.tokens.count)
    return [
      "prompt_tokens": .int(prompt), "completion_tokens": .int(completion), "total_tokens": .int(prompt + completion),
    ]
  }

  private func chunk(
    _ prepared: Prepared, _ index: Int, _ delta: JSONValue, logprobs: JSONValue = .null, finish: JSONValue = .null,
    matched: JSONValue = .null, usage: JSONValue? = nil
  ) -> JSONValue {
    let choice: JSONValue = [
      "index": .int(Int64(index)), "delta": delta, "logprobs": logprobs, "finish_reason": finish,
      "matched_stop": matched,
    ]
    return envelope(prepared, choices: [choice], usage: usage)
  }

  private func envelope(_ prepared: Prepared, choices: [JSONValue], usage: JSONValue?) -> JSONValue {
    [
      "id": .string(prepared.id), "object": "chat.completion.chunk", "created": .int(Int64(prepared.created)),
      "model": .string(prepared.name), "choices": .array(choices), "usage": usage ?? .null,
    ]
  }
}
