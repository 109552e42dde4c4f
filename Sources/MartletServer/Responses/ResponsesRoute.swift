import Hummingbird
import MartletCore
import MartletText

/// POST /v1/responses
struct ResponsesRoute: Sendable {
  let model: ServedModel
  let reader: RequestReader
  let connections: ClientConnections
  let store: ResponseStore
  let streams: ResumableStreams
  let running: RunningResponses

  /// A request, ready to run.
  struct Prepared: Sendable {
    let chat: PreparedChat
    let tenant: Tenant
    let input: [JSONValue]
    let previous: String?
    let isStored: Bool
    let isBackground: Bool
    let response: ResponseObject

    /// What is stored of it in a given state.
    func entry(_ response: ResponseObject) -> ResponseStore.Entry {
      ResponseStore.Entry(response: response, input: input, previous: previous)
    }
  }

  func handle(_ request: Request, _ context: ServerContext) async throws -> Response {
    let tenant = Tenant(request, options: reader.options)
    let timing = RequestTiming(request)
    let prepared = try await reader.prepare(request) { fields, namespace in
      try prepare(fields, namespace, tenant, timing)
    }
    if prepared.isBackground { return try startInBackground(prepared, context) }
    let (group, watch) = try prepared.chat.start(context, connections, model: model)
    guard prepared.chat.stream != nil else {
      defer { watch.end() }
      return Response(json: try await run(prepared, group, orThrow: true) { _ in }.value)
    }
    return EventStream.response(watch: watch, framing: .namedEvents) { events in
      _ = try await run(prepared, group) { event in try await events.send(.object(event)) }
    }
  }

  /// Answers a request of a batch.
  func answer(_ fields: RequestFields, namespace: CacheNamespace, tenant: Tenant) async throws -> JSONValue {
    let prepared = try await model.workers.run { try prepare(fields, namespace, tenant) }
    let group = try ChoiceGroup(
      prepared.chat.requests, fields: prepared.chat.fields, parser: prepared.chat.parser, model: model)
    return try await run(prepared, group, orThrow: true) { _ in }.value
  }

  private func prepare(
    _ fields: RequestFields, _ namespace: CacheNamespace, _ tenant: Tenant, _ timing: RequestTiming? = nil
  ) throws -> Prepared {
    let input = try ResponsesRequest.input(fields), previous = try fields.string("previous_response_id")
    let history = try previous.map { try store.conversation(endingWith: $0, tenant: tenant) } ?? []
    let converted = try ResponsesRequest.chatFields(fields, input: input, history: history)
    var chatFields = converted.object
    chatFields["stream"] = fields.value("stream")
    let chat = try PreparedChat(
      RequestFields(.object(chatFields), clientNames: converted.clientNames), namespace: namespace, fitsMaxTokens: true,
      timing: timing, reader: reader, model: model)
    let id = Identifier.make("resp_")
    let items = input.enumerated().map { index, item in Self.identified(item, id, index) }
    return Prepared(
      chat: chat, tenant: tenant, input: items, previous: previous, isStored: try fields.bool("store") ?? true,
      isBackground: try fields.bool("background") ?? false,
      response: ResponseObject(
        id: id, created: store.clock(), model: chat.name, fields: fields, sampling: chat.fields.sampling))
  }

  /// An input item with what clients expect of a listed one: an id, a type, and parts in place of a string.
  private static func identified(_ item: JSONValue, _ response: String, _ index: Int) -> JSONValue {
    guard var object = item.objectValue else { return item }
    let type = object["type"]?.stringValue ?? "message"
    object["type"] = .string(type)
    if object["id"]?.stringValue == nil { object["id"] = .string("item_\(response.dropFirst(5))_\(index)") }
    if type == "message", let text = object["content"]?.stringValue {
      let part: JSONValue = object["role"] == "assistant" ? "output_text" : "input_text"
      object["content"] = [["type": part, "text": .string(text)]]
    }
    if type != "reasoning", object["status"] == nil { object["status"] = "completed" }
    return .object(object)
  }

  /// Runs a response to its end, which is stored before it is told.
  /// - Parameter orThrow: throw what went wrong in place of returning a failed response.
  @concurrent
  private func run(
    _ prepared: Prepared, _ group: ChoiceGroup, orThrow: Bool = false,
    send: @concurrent (JSONObject) async throws -> Void
  ) async throws -> ResponseObject {
    var response = prepared.response, output = ResponseOutput(format: prepared.chat.parser.tools)
    var number: Int64 = 0
    func tell(_ event: JSONObject) async throws {
      var event = event
      event["sequence_number"] = .int(number)
      number += 1
      try await send(event)
    }
    var group = group
    do {
      response.status = .inProgress
      try await tell(["type": "response.created", "response": response.value])
      try await tell(["type": "response.in_progress", "response": response.value])
      try await group.forEachUpdate { choice, deltas in
        for delta in deltas {
          for event in output.append(delta) { try await tell(event) }
        }
        guard choice.isFinished else { return }
        try choice.check()
        for event in output.finish(isComplete: !["length", "abort"].contains(choice.finishReason)) {
          try await tell(event)
        }
      }
      response.finish(group.choices[0], output: output.items, at: store.clock())
      response.timing = prepared.chat.timing?.json(group.choices[0], admitted: group.admitted)
      if prepared.chat.returnsTokenIDs { response.addTokenIDs(group.choices[0]) }
      if prepared.isStored { try store.save(prepared.entry(response), tenant: prepared.tenant) }
    } catch {
      if error is CancellationError || orThrow { throw error }
      response.fail(APIError(any: error).message)
      // Where the store itself has failed, the client is told all the same.
      if prepared.isStored { try? store.save(prepared.entry(response), tenant: prepared.tenant) }
    }
    try await tell(["type": .string("response.\(response.status.rawValue)"), "response": response.value])
    return response
  }

  /// The response goes on without its client, who asks for it later or reads its events now.
  private func startInBackground(_ prepared: Prepared, _ context: ServerContext) throws -> Response {
    let id = prepared.response.id
    guard let log = streams.open(id: id, tenant: prepared.tenant, grace: nil) else {
      throw APIError(.serviceUnavailable, "too many streams are running: try again later")
    }
    var queued = prepared.response, started = prepared.response
    queued.status = .queued
    started.status = .inProgress
    let group: ChoiceGroup
    do {
      try store.save(prepared.entry(started), tenant: prepared.tenant)
      group = try ChoiceGroup(
        prepared.chat.requests, fields: prepared.chat.fields, parser: prepared.chat.parser, model: model)
    } catch {
      streams.remove(id)
      _ = try? store.delete(id, tenant: prepared.tenant)
      throw error
    }
    running.add(id, tenant: prepared.tenant, log: log) { [model, ids = group.ids] in
      for id in ids { model.generator.cancel(id) }
    }
    log.run { log in
      await EventStream.record(to: log, framing: .namedEvents) { events in
        defer { running.remove(id) }
        _ = try await run(prepared, group) { event in try await events.send(.object(event)) }
      }
    }
    guard prepared.chat.stream != nil else { return Response(json: queued.value) }
    return log.response(after: -1, channel: context.channel, connections: connections)
  }
}
