import Hummingbird
import MartletCore
import MartletText

/// POST and PUT /generate: the native interface, as SGLang defines it.
struct GenerateRoute: Sendable {
  let model: ServedModel
  let reader: RequestReader
  let registry: RequestRegistry
  let connections: ClientConnections

  private struct Prepared: Sendable {
    /// One for each request.
    let fields: [SamplingFields]
    let requests: [GenerationRequest]
    let ids: [String]
    /// One item for one prompt without choices, else a list.
    let isBatch: Bool
    let returnsLogprobs: Bool
    let logprobStart: Int?
    let topCount: Int
    let wantsTokenIDs: Bool
    let textInLogprobs: Bool
    let streams: Bool
  }

  func handle(_ request: Request, _ context: ServerContext) async throws -> Response {
    let prepared = try await reader.prepare(request, prepare)
    var group = try ChoiceGroup(prepared.requests, fields: prepared.fields, model: model)
    let keys = zip(prepared.ids, group.choices).map { ($0, $1.stream.id) }
    registry.add(keys)
    // A stream whose client left before its first byte never runs its body.
    let watch = connections.watch(context.channel) {
      registry.remove(keys)
      for (_, id) in keys { model.generator.cancel(id) }
    }
    if prepared.streams { return stream(group, prepared, watch) }
    defer {
      watch.end()
      registry.remove(keys)
    }
    try await group.finish()
    let items = group.choices.map { item($0, prepared) }
    return Response(json: prepared.isBatch ? .array(items) : items[0])
  }

  private func prepare(_ fields: RequestFields, _ namespace: CacheNamespace) throws -> Prepared {
    try fields.refuse([
      "input_embeds", "image_data", "video_data", "audio_data", "lora_path", "custom_logit_processor",
      "return_hidden_states", "session_params",
    ])
    let (prompts, isList) = try self.prompts(fields)
    var sampling = try self.sampling(fields, prompts: prompts.count)
    for index in sampling.indices {
      sampling[index].constraint = try sampling[index].grammar.constraint(model: model, namespace: namespace)
    }
    let returnsLogprobs = try fields.bool("return_logprob") ?? false
    let start = try fields.integer("logprob_start_len", in: -1...Int(Int32.max)) ?? -1
    let top = try fields.integer("top_logprobs_num", in: 0...1000) ?? 0
    let selected = try fields.tokens("token_ids_logprob") ?? []
    let vocabulary = model.generator.limits.vocabularySize
    guard selected.count <= 1000, selected.allSatisfy({ (0..<Int32(vocabulary)).contains($0.rawValue) }) else {
      throw InvalidField(
        field: "token_ids_logprob", reason: "must hold at most 1000 token ids under \(vocabulary)")
    }
    let logprobs = LogprobOptions(
      output: returnsLogprobs, topCount: returnsLogprobs ? top : 0,
      promptStart: returnsLogprobs && start >= 0 ? start : nil, tokens: returnsLogprobs ? selected : [])
    let priority = try reader.priority(fields)
    var requests: [GenerationRequest] = []
    var perRequest: [SamplingFields] = []
    for (prompt, sampling) in zip(prompts, sampling) {
      for choice in 0..<sampling.n {
        perRequest.append(sampling)
        requests.append(
          try sampling.request(
            prompt: prompt, choice: choice, logprobs: logprobs, defaultMaxTokens: 128, namespace: namespace,
            priority: priority, model: model))
      }
    }
    return Prepared(
      fields: perRequest, requests: requests, ids: try ids(fields, count: requests.count),
      isBatch: isList || requests.count > 1, returnsLogprobs: returnsLogprobs, logprobStart: logprobs.promptStart,
      topCount: top, wantsTokenIDs: !logprobs.tokens.isEmpty,
      textInLogprobs: try fields.bool("return_text_in_logprobs") ?? false,
      streams: try fields.bool("stream") ?? false)
  }

  /// The sampling parameters of each prompt: one object for all of them, or a list.
  private func sampling(_ fields: RequestFields, prompts: Int) throws(InvalidField) -> [SamplingFields] {
    guard let list = fields.value("sampling_params")?.arrayValue else {
      let value = fields.value("sampling_params") ?? .object(JSONObject())
      let one = try self.sampling(value, path: "sampling_params")
      return Array(repeating: one, count: prompts)
    }
    guard list.count == prompts else {
      throw InvalidField(
        field: "sampling_params", reason: "must hold an object for each of the \(prompts) prompts, got \(list.count)")
    }
    var all: [SamplingFields] = []
    for (index, value) in list.enumerated() {
      all.append(try self.sampling(value, path: "sampling_params[\(index)]"))
    }
    guard let n = all.first?.n, all.allSatisfy({ $0.n == n }) else {
      throw InvalidField(field: "sampling_params", reason: "must have the same n everywhere")
    }
    return all
  }

  private func sampling(_ value: JSONValue, path: String) throws(InvalidField) -> SamplingFields {
    let fields = try RequestFields(value, path: path)
    var sampling = try SamplingFields(fields, model: model, native: true)
    sampling.thinkingLimit = try ThinkingLimit(fields)
    return sampling
  }

  private func prompts(_ fields: RequestFields) throws -> (prompts: [[TokenID]], isList: Bool) {
    switch (fields.value("text"), fields.value("input_ids")) {
    case (.some(let text), nil):
      if let text = text.stringValue { return ([model.tokenizer.encode(text, addSpecialTokens: true)], false) }
      guard let texts = try fields.strings("text"), !texts.isEmpty else {
        throw InvalidField(field: "text", reason: "must not be an empty list")
      }
      return (texts.map { model.tokenizer.encode($0, addSpecialTokens: true) }, true)
    case (nil, .some(let ids)):
      guard let list = ids.arrayValue, let first = list.first else {
        throw InvalidField(field: "input_ids", reason: "must be a list of token ids, or a list of such lists")
      }
      guard first.arrayValue != nil else { return ([try RequestFields.tokens(list, field: "input_ids")], false) }
      return (
        try list.enumerated().map { index, item in
          guard let ids = item.arrayValue else {
            throw InvalidField(field: "input_ids[\(index)]", reason: "must be a list of token ids")
          }
          return try RequestFields.tokens(ids, field: "input_ids[\(index)]")
        }, true
      )
    default: throw InvalidField(field: "text", reason: "or input_ids must be given, and not both")
    }
  }

  private func ids(_ fields: RequestFields, count: Int) throws -> [String] {
    guard let given = try fields.strings("rid") else { return (0..<count).map { _ in Identifier.make("") } }
    if given.count == 1 { return count == 1 ? given : (0..<count).map { "\(given[0])_\($0)" } }
    guard given.count == count, Set(given).count == count else {
      throw InvalidField(field: "rid", reason: "must hold a different id for each of the \(count) generations")
    }
    return given
  }

  private func item(_ choice: Choice, _ prepared: Prepared, index: Int? = nil) -> JSONValue {
    let assembler = choice.assembler
    var meta = JSONObject([
      ("id", .string(prepared.ids[choice.index])), ("finish_reason", finish(choice)),
      ("prompt_tokens", .int(Int64(choice.prompt.count))), ("weight_version", "default"),
      ("num_retractions", .int(Int64(assembler.usage.retractions))),
      ("completion_tokens", .int(Int64(assembler.tokens.count))),
      ("cached_tokens", .int(Int64(assembler.usage.cachedTokens))),
      ("e2e_latency", .double(Double(assembler.usage.totalNanoseconds) / 1e9)),
    ])
    if prepared.returnsLogprobs { addLogprobs(choice, prepared, to: &meta) }
    var item = JSONObject([
      ("text", .string(assembler.text)), ("output_ids", .array(assembler.tokens.map { .int(Int64($0.rawValue)) })),
      ("meta_info", .object(meta)),
    ])
    if let index { item["index"] = .int(Int64(index)) }
    return .object(item)
  }

  private func addLogprobs(_ choice: Choice, _ prepared: Prepared, to meta: inout JSONObject) {
    let withText = prepared.textInLogprobs
    var input: [JSONValue] = [], inputTop: [JSONValue] = [], inputSelected: [JSONValue] = []
    if let start = prepared.logprobStart, start < choice.prompt.count {
      if start == 0, let first = choice.prompt.first {
        let text: JSONValue =
          withText ? .string(String(decoding: model.tokenizer.bytes(of: first), as: UTF8.self)) : .null
        input.append([.null, .int(Int64(first.rawValue)), text])
        inputTop.append(.null)
        inputSelected.append(.null)
      }
      input += choice.assembler.promptLogprobs.map { $0.nativeJSON(model.tokenizer, withText: withText) }
      inputSelected += choice.assembler.promptLogprobs.map {
        $0.nativeSelectedJSON(model.tokenizer, withText: withText)
      }
      inputTop += choice.assembler.promptLogprobs.map { $0.nativeTopJSON(model.tokenizer, withText: withText) }
    }
    let output = choice.assembler.logprobs
    meta["input_token_logprobs"] = .array(input)
    meta["output_token_logprobs"] = .array(output.map { $0.nativeJSON(model.tokenizer, withText: withText) })
    meta["output_token_logprobs_length"] = .int(Int64(output.count))
    if prepared.wantsTokenIDs {
      meta["input_token_ids_logprobs"] = .array(inputSelected)
      meta["output_token_ids_logprobs"] = .array(
        output.map { $0.nativeSelectedJSON(model.tokenizer, withText: withText) })
    }
    guard prepared.topCount > 0 else { return }
    meta["input_top_logprobs"] = .array(inputTop)
    meta["output_top_logprobs"] = .array(output.map { $0.nativeTopJSON(model.tokenizer, withText: withText) })
  }

  private func finish(_ choice: Choice) -> JSONValue {
    switch choice.assembler.finish {
    case nil: .null
    case .stopString(let text)?: ["type": "stop", "matched": .string(text)]
    case .engine(.stopToken(let token))?: ["type": "stop", "matched": .int(Int64(token.rawValue))]
    case .engine(.length)?: ["type": "length", "length": .int(Int64(choice.assembler.tokens.count))]
    case .engine(.aborted)?: ["type": "abort", "message": "Aborted", "status_code": .null, "err_type": .null]
    }
  }

  /// Each event carries the whole text so far.
  private func stream(_ group: ChoiceGroup, _ prepared: Prepared, _ watch: ClientConnections.Watch) -> Response {
    let keys = zip(prepared.ids, group.choices).map { ($0, $1.stream.id) }
    return EventStream.response(watch: watch) { events in
      defer { registry.remove(keys) }
      var group = group
      try await group.forEachPiece { choice, piece in
        guard !piece.isEmpty || choice.isFinished else { return }
        try choice.check()
        try await events.send(item(choice, prepared, index: prepared.isBatch ? choice.index : nil))
      }
    }
  }
}
