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

  func handle(_ request: Request, _ context: ServerContext) async throws -> Response {
    let timing = RequestTiming(request)
    let chat = try await reader.prepare(request) { fields, namespace in
      try PreparedChat(fields, namespace: namespace, timing: timing, reader: reader, model: model)
    }
    let prepared = Prepared(chat: chat, id: chat.rid ?? Identifier.make("chatcmpl-"), created: clock())
    var (group, watch) = try chat.start(context, connections, model: model)
    if let options = chat.stream { return stream(group, prepared, options, watch) }
    defer { watch.end() }
    try await group.finish()
    return Response(json: whole(group, prepared))
  }

  /// Answers a request of a batch, whole.
  func answer(_ fields: RequestFields, namespace: CacheNamespace) async throws -> JSONValue {
    let chat = try await model.workers.run {
      try PreparedChat(fields, namespace: namespace, reader: reader, model: model)
    }
    var group = try ChoiceGroup(chat.requests, fields: chat.fields, parser: chat.parser, model: model)
    try await group.finish()
    return whole(group, Prepared(chat: chat, id: Identifier.make("chatcmpl-"), created: clock()))
  }

  private struct Prepared: Sendable {
    let chat: PreparedChat
    let id: String
    let created: Int
  }

  private func whole(_ group: ChoiceGroup, _ prepared: Prepared) -> JSONValue {
    let choices = group.choices.map { choice -> JSONValue in
      let ids = choice.answer.calls.map { ChatMessage.id(given: $0.id, format: prepared.chat.parser.tools) }
      var json: JSONObject = [
        "index": .int(Int64(choice.index)),
        "message": ChatMessage.whole(choice.answer, ids: ids, former: prepared.chat.usesFormerFunctions),
        "logprobs": logprobs(choice.assembler.logprobs[...], prepared),
        "finish_reason": finishReason(choice, prepared),
        "matched_stop": choice.matchedStop,
      ]
      json["timing"] = prepared.chat.timing?.json(choice, admitted: group.admitted)
      if prepared.chat.returnsTokenIDs { choice.addTokenIDs(to: &json) }
      return .object(json)
    }
    return [
      "id": .string(prepared.id), "object": "chat.completion", "created": .int(Int64(prepared.created)),
      "model": .string(prepared.chat.name), "system_fingerprint": .string(model.fingerprint),
      "choices": .array(choices),
      "usage": group.usage(promptCount: 1), "metadata": ["weight_version": "default"],
    ]
  }

  private func finishReason(_ choice: Choice, _ prepared: Prepared) -> JSONValue {
    let reason = choice.finishReason
    return prepared.chat.usesFormerFunctions && reason == "tool_calls" ? "function_call" : reason
  }

  private func logprobs(_ entries: ArraySlice<TokenLogprobs>, _ prepared: Prepared) -> JSONValue {
    guard prepared.chat.wantsLogprobs else { return .null }
    return ["content": .array(entries.map { $0.chatJSON(model.tokenizer) })]
  }

  private func stream(
    _ group: ChoiceGroup, _ prepared: Prepared, _ options: StreamOptions, _ watch: ClientConnections.Watch
  ) -> Response {
    EventStream.response(watch: watch) { events in
      var group = group
      let admitted = group.admitted
      var sentLogprobs = [Int](repeating: 0, count: group.choices.count)
      for choice in group.choices {
        try await events.send(
          chunk(prepared, choice.index, ["role": "assistant", "content": "", "reasoning_content": .null]))
      }
      try await group.forEachUpdate { choice, deltas in
        var fresh = choice.assembler.logprobs[sentLogprobs[choice.index]...]
        sentLogprobs[choice.index] = choice.assembler.logprobs.count
        // Tokens whose text is held back have log-probabilities all the same.
        let isSilent = deltas.isEmpty && prepared.chat.wantsLogprobs && !fresh.isEmpty
        for delta in isSilent ? [.content("")] : deltas {
          var id = ""
          if case .call(_, let given, _) = delta {
            id = ChatMessage.id(given: given, format: prepared.chat.parser.tools)
          }
          try await events.send(
            chunk(
              prepared, choice.index,
              ChatMessage.delta(delta, id: id, former: prepared.chat.usesFormerFunctions),
              logprobs: logprobs(fresh, prepared), usage: options.continuousUsage ? Self.running(choice) : nil))
          fresh = []
        }
        guard choice.isFinished else { return }
        try choice.check()
        try await events.send(lastChunk(prepared, choice, admitted: admitted))
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
      "completion_tokens_details": ["reasoning_tokens": .int(Int64(choice.reasoningTokens))],
    ]
  }

  private func chunk(
    _ prepared: Prepared, _ index: Int, _ delta: JSONValue, logprobs: JSONValue = .null, usage: JSONValue? = nil
  ) -> JSONValue {
    let choice: JSONValue = [
      "index": .int(Int64(index)), "delta": delta, "logprobs": logprobs, "finish_reason": .null, "matched_stop": .null,
    ]
    return envelope(prepared, choices: [choice], usage: usage)
  }

  /// A choice's end.
  private func lastChunk(
    _ prepared: Prepared, _ choice: Choice, admitted: ContinuousClock.Instant
  ) -> JSONValue {
    var json: JSONObject = [
      "index": .int(Int64(choice.index)), "delta": [:], "logprobs": .null,
      "finish_reason": finishReason(choice, prepared), "matched_stop": choice.matchedStop,
    ]
    json["timing"] = prepared.chat.timing?.json(choice, admitted: admitted)
    if prepared.chat.returnsTokenIDs { choice.addTokenIDs(to: &json) }
    return envelope(prepared, choices: [.object(json)], usage: nil)
  }

  private func envelope(_ prepared: Prepared, choices: [JSONValue], usage: JSONValue?) -> JSONValue {
    [
      "id": .string(prepared.id), "object": "chat.completion.chunk", "created": .int(Int64(prepared.created)),
      "model": .string(prepared.chat.name), "system_fingerprint": .string(model.fingerprint),
      "choices": .array(choices),
      "usage": usage ?? .null,
    ]
  }
}
