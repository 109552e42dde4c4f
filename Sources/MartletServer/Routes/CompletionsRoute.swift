import Hummingbird
import MartletCore
import MartletText

/// POST /v1/completions
struct CompletionsRoute: Sendable {
  let model: ServedModel
  let reader: RequestReader
  let connections: ClientConnections
  let clock: @Sendable () -> Int

  private struct Prepared: Sendable {
    let fields: SamplingFields
    let requests: [GenerationRequest]
    let promptCount: Int
    let echo: Bool
    let wantsLogprobs: Bool
    let returnsTokenIDs: Bool
    /// Set when the client wants to know where the time went.
    let timing: RequestTiming?
    let stream: StreamOptions?
    let id: String
    let name: String
    let created: Int
  }

  func handle(_ request: Request, _ context: ServerContext) async throws -> Response {
    let timing = RequestTiming(request)
    let prepared = try await reader.prepare(request) { fields, namespace in try prepare(fields, namespace, timing) }
    var group = try ChoiceGroup(prepared.requests, fields: prepared.fields, model: model)
    let ids = group.ids
    let watch = connections.watch(context, isStream: prepared.stream != nil) {
      for id in ids { model.generator.cancel(id) }
    }
    if let options = prepared.stream { return stream(group, prepared, options, watch) }
    defer { watch.end() }
    try await group.finish()
    return Response(json: whole(group, prepared))
  }

  /// Answers a request of a batch, whole.
  func answer(_ fields: RequestFields, namespace: CacheNamespace) async throws -> JSONValue {
    let prepared = try await model.workers.run { try prepare(fields, namespace) }
    var group = try ChoiceGroup(prepared.requests, fields: prepared.fields, model: model)
    try await group.finish()
    return whole(group, prepared)
  }

  private func whole(_ group: ChoiceGroup, _ prepared: Prepared) -> JSONValue {
    let choices = group.choices.map { choice in
      json(
        choice, prepared, text: echoed(choice, prepared) + choice.assembler.text, logprobs: logprobs(choice, prepared),
        admitted: group.admitted)
    }
    return envelope(prepared, choices: choices, usage: group.usage(promptCount: prepared.promptCount))
  }

  private func prepare(
    _ fields: RequestFields, _ namespace: CacheNamespace, _ timing: RequestTiming? = nil
  ) throws -> Prepared {
    var sampling = try SamplingFields(fields, model: model, native: false)
    sampling.constraint = try sampling.grammar.constraint(model: model, namespace: namespace)
    sampling.thinkingLimit = try ThinkingLimit(fields)
    if let best = try fields.integer("best_of", in: 1...SamplingFields.maxChoices), best != sampling.n {
      throw InvalidField(field: "best_of", reason: "must equal n")
    }
    let echo = try fields.bool("echo") ?? false
    let prompts: [[TokenID]]
    if let suffix = try fields.string("suffix"), !suffix.isEmpty {
      guard !echo else { throw InvalidField(field: "suffix", reason: "cannot be combined with echo") }
      let middles = try texts(fields).map { try FillInMiddle.prompt($0, suffix: suffix, model: model) }
      sampling.stopTokens += middles.first?.ends ?? []
      prompts = middles.map(\.tokens)
    } else {
      prompts = try PromptList(fields, "prompt", model: model).prompts
    }
    let top = try fields.integer("logprobs", in: 0...20)
    let logprobs = LogprobOptions(output: top != nil, topCount: top ?? 0, promptStart: echo && top != nil ? 0 : nil)
    let priority = try reader.priority(fields)
    try ChoiceGroup.check(count: prompts.count * sampling.n, model: model)
    var requests: [GenerationRequest] = []
    for prompt in prompts {
      for choice in 0..<sampling.n {
        requests.append(
          try sampling.request(
            prompt: prompt, choice: choice, logprobs: logprobs, defaultMaxTokens: 16, namespace: namespace,
            priority: priority, model: model))
      }
    }
    return Prepared(
      fields: sampling, requests: requests, promptCount: prompts.count, echo: echo, wantsLogprobs: top != nil,
      returnsTokenIDs: try fields.bool("return_token_ids") ?? false,
      timing: try RequestTiming.wanted(timing, by: fields), stream: try StreamOptions(fields),
      id: try fields.string("rid") ?? Identifier.make("cmpl-"),
      name: try fields.string("model") ?? model.name, created: clock())
  }

  /// The prompts of a request whose suffix needs them as text.
  private func texts(_ fields: RequestFields) throws(InvalidField) -> [String] {
    guard let texts = try fields.strings("prompt"), !texts.isEmpty, texts.count <= PromptList.limit else {
      throw InvalidField(
        field: "prompt", reason: "must be a string, or a list of up to \(PromptList.limit) of them, beside a suffix")
    }
    return texts
  }

  private func echoed(_ choice: Choice, _ prepared: Prepared) -> String {
    prepared.echo ? model.tokenizer.decode(choice.prompt, skipSpecialTokens: false) : ""
  }

  private func logprobs(_ choice: Choice, _ prepared: Prepared) -> JSONValue {
    guard prepared.wantsLogprobs else { return .null }
    var result = CompletionLogprobs(tokenizer: model.tokenizer)
    if prepared.echo {
      if let first = choice.prompt.first { result.append(first, logprob: nil, top: []) }
      for entry in choice.assembler.promptLogprobs { result.append(entry) }
    }
    for entry in choice.assembler.logprobs { result.append(entry) }
    return result.json
  }

  private func stream(
    _ group: ChoiceGroup, _ prepared: Prepared, _ options: StreamOptions, _ watch: ClientConnections.Watch
  ) -> Response {
    EventStream.response(watch: watch) { events in
      var group = group
      let admitted = group.admitted
      var sentLogprobs = [Int](repeating: 0, count: group.choices.count)
      var characters = [Int](repeating: 0, count: group.choices.count)
      for choice in group.choices where prepared.echo {
        let text = echoed(choice, prepared)
        characters[choice.index] = text.unicodeScalars.count
        try await events.send(
          envelope(
            prepared, choices: [json(choice, prepared, text: text, logprobs: .null, admitted: admitted)], usage: nil))
      }
      try await group.forEachPiece { choice, piece in
        let fresh = choice.assembler.logprobs[sentLogprobs[choice.index]...]
        guard !piece.isEmpty || choice.isFinished || (prepared.wantsLogprobs && !fresh.isEmpty) else { return }
        try choice.check()
        var logprobs = CompletionLogprobs(tokenizer: model.tokenizer, offset: characters[choice.index])
        for entry in fresh { logprobs.append(entry) }
        sentLogprobs[choice.index] = choice.assembler.logprobs.count
        characters[choice.index] += piece.unicodeScalars.count
        try await events.send(
          envelope(
            prepared,
            choices: [
              json(
                choice, prepared, text: piece, logprobs: prepared.wantsLogprobs ? logprobs.json : .null,
                admitted: admitted)
            ], usage: nil))
      }
      if options.includeUsage {
        try await events.send(envelope(prepared, choices: [], usage: group.usage(promptCount: prepared.promptCount)))
      }
    }
  }

  private func json(
    _ choice: Choice, _ prepared: Prepared, text: String, logprobs: JSONValue, admitted: ContinuousClock.Instant
  ) -> JSONValue {
    var json: JSONObject = [
      "index": .int(Int64(choice.index)), "text": .string(text), "logprobs": logprobs,
      "finish_reason": choice.finishReason, "matched_stop": choice.matchedStop,
    ]
    if choice.isFinished { json["timing"] = prepared.timing?.json(choice, admitted: admitted) }
    if prepared.returnsTokenIDs, choice.isFinished { choice.addTokenIDs(to: &json, as: "token_ids") }
    return .object(json)
  }

  private func envelope(_ prepared: Prepared, choices: [JSONValue], usage: JSONValue?) -> JSONValue {
    [
      "id": .string(prepared.id), "object": "text_completion", "created": .int(Int64(prepared.created)),
      "model": .string(prepared.name), "choices": .array(choices), "usage": usage ?? .null,
      "metadata": ["weight_version": "default"],
    ]
  }
}
