import Hummingbird
import MartletCore
import MartletText

/// POST /v1/messages and /v1/messages/count_tokens
struct MessagesRoute: Sendable {
  let model: ServedModel
  let reader: RequestReader
  let connections: ClientConnections

  func handle(_ request: Request, _ context: ServerContext) async throws -> Response {
    let timing = RequestTiming(request)
    let chat = try await reader.prepare(request) { fields, namespace in
      try PreparedChat(
        AnthropicRequest.chatFields(fields), namespace: namespace, fitsMaxTokens: true, timing: timing, reader: reader,
        model: model)
    }
    let id = Identifier.make("msg_")
    var (group, watch) = try chat.start(context, connections, model: model)
    if chat.stream != nil { return stream(group, chat, id, watch) }
    defer { watch.end() }
    var blocks = AnthropicBlocks()
    try await group.forEachUpdate { choice, deltas in
      for delta in deltas { _ = blocks.append(delta) }
      try choice.check()
    }
    let choice = group.choices[0]
    var message = self.message(id, chat, content: blocks.json, usage: usage(choice))
    message["stop_reason"] = stopReason(choice)
    message["stop_sequence"] = choice.stopString
    message["timing"] = chat.timing?.json(choice, admitted: group.admitted)
    if chat.returnsTokenIDs { choice.addTokenIDs(to: &message) }
    return Response(json: .object(message))
  }

  func countTokens(_ request: Request) async throws -> Response {
    try await reader.prepare(request) { fields, _ in
      let prompt = try ChatPrompt(AnthropicRequest.chatFields(fields, isCount: true), model: model)
      return Response(json: ["input_tokens": .int(Int64(prompt.tokens.count))])
    }
  }

  private func message(_ id: String, _ chat: PreparedChat, content: JSONValue, usage: JSONValue) -> JSONObject {
    [
      "id": .string(id), "type": "message", "role": "assistant", "model": .string(chat.name), "content": content,
      "stop_reason": .null, "stop_sequence": .null, "usage": usage,
    ]
  }

  /// Tokens that came from the cache and those that went into it are counted apart, as Anthropic does.
  private func usage(_ choice: Choice) -> JSONValue {
    let cost = choice.assembler.usage
    return [
      "input_tokens": .int(Int64(choice.prompt.count - cost.cachedTokens - cost.writtenTokens)),
      "cache_creation_input_tokens": .int(Int64(cost.writtenTokens)),
      "cache_read_input_tokens": .int(Int64(cost.cachedTokens)),
      "output_tokens": .int(Int64(choice.assembler.tokens.count)),
    ]
  }

  private func stopReason(_ choice: Choice) -> JSONValue {
    switch choice.finishReason {
    case "tool_calls": "tool_use"
    case "length": "max_tokens"
    default: choice.stopString.isNull ? "end_turn" : "stop_sequence"
    }
  }

  private func stream(
    _ group: ChoiceGroup, _ chat: PreparedChat, _ id: String, _ watch: ClientConnections.Watch
  ) -> Response {
    EventStream.response(watch: watch, framing: .namedEvents) { events in
      var group = group, blocks = AnthropicBlocks(), hasStarted = false
      let admitted = group.admitted
      try await group.forEachUpdate { choice, deltas in
        if !hasStarted {
          // Behind the first event of the engine, which tells what came from the cache and what went into it.
          hasStarted = true
          let start = message(id, chat, content: [], usage: usage(choice))
          try await events.send(["type": "message_start", "message": .object(start)])
          try await events.send(["type": "ping"])
        }
        for delta in deltas {
          for event in blocks.append(delta) { try await events.send(event) }
        }
        guard choice.isFinished else { return }
        try choice.check()
        for event in blocks.finish() { try await events.send(event) }
        var end: JSONObject = [
          "type": "message_delta",
          "delta": ["stop_reason": stopReason(choice), "stop_sequence": choice.stopString], "usage": usage(choice),
        ]
        end["timing"] = chat.timing?.json(choice, admitted: admitted)
        if chat.returnsTokenIDs { choice.addTokenIDs(to: &end) }
        try await events.send(.object(end))
      }
      try await events.send(["type": "message_stop"])
    }
  }
}
