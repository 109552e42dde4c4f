import MartletText

/// The output items of a response, as an answer's deltas make them, and the events that tell them.
struct ResponseOutput: Sendable {
  private enum Kind {
    case reasoning
    case message
    case call(callID: String, name: String)
  }

  /// Items that have ended.
  private(set) var items: [JSONValue] = []
  private var open: (kind: Kind, id: String, text: String)?
  private let format: ToolFormat?

  /// - Parameter format: how the model writes calls.
  init(format: ToolFormat?) { self.format = format }

  /// Takes a delta; returns its events, without sequence numbers.
  mutating func append(_ delta: ResponseDelta) -> [JSONObject] {
    var events: [JSONObject] = []
    switch delta {
    case .reasoning(let text):
      if case .reasoning? = open?.kind {} else { events += begin(.reasoning, "rs_") }
      events.append(take(text, "response.reasoning_text.delta", hasPart: true))
    case .content(let text):
      if case .message? = open?.kind {} else { events += begin(.message, "msg_") }
      var event = take(text, "response.output_text.delta", hasPart: true)
      event["logprobs"] = []
      events.append(event)
    case .call(_, let given, let name):
      events += begin(.call(callID: ChatMessage.id(given: given, format: format), name: name), "fc_")
    case .arguments(_, let text):
      if case .call? = open?.kind {
        events.append(take(text, "response.function_call_arguments.delta", hasPart: false))
      }
    }
    return events
  }

  /// The events that end the last item.
  /// - Parameter isComplete: false when the answer was cut off inside it.
  mutating func finish(isComplete: Bool = true) -> [JSONObject] {
    guard let open else { return [] }
    self.open = nil
    let item = item(open.kind, open.id, open.text, status: isComplete ? "completed" : "incomplete")
    var events: [JSONObject] = []
    switch open.kind {
    case .call(_, let name):
      var done = event("response.function_call_arguments.done", open.id, hasPart: false)
      done["arguments"] = .string(open.text)
      done["name"] = .string(name)
      events.append(done)
    case .message:
      var done = event("response.output_text.done", open.id, hasPart: true)
      done["text"] = .string(open.text)
      done["logprobs"] = []
      events += [done, part("response.content_part.done", open.id, Self.textPart(open.text))]
    case .reasoning:
      var done = event("response.reasoning_text.done", open.id, hasPart: true)
      done["text"] = .string(open.text)
      events += [done, part("response.content_part.done", open.id, Self.reasoningPart(open.text))]
    }
    events.append(["type": "response.output_item.done", "output_index": .int(Int64(items.count)), "item": item])
    items.append(item)
    return events
  }

  private mutating func begin(_ kind: Kind, _ prefix: String) -> [JSONObject] {
    var events = finish()
    let id = Identifier.make(prefix)
    open = (kind, id, "")
    var added = item(kind, id, "", status: "in_progress")
    if case .call = kind {} else { added = Self.with(added, "content", []) }
    events.append(["type": "response.output_item.added", "output_index": .int(Int64(items.count)), "item": added])
    switch kind {
    case .call: break
    case .message: events.append(part("response.content_part.added", id, Self.textPart("")))
    case .reasoning: events.append(part("response.content_part.added", id, Self.reasoningPart("")))
    }
    return events
  }

  private mutating func take(_ text: String, _ type: JSONValue, hasPart: Bool) -> JSONObject {
    open?.text += text
    var event = event(type, open?.id ?? "", hasPart: hasPart)
    event["delta"] = .string(text)
    return event
  }

  private func event(_ type: JSONValue, _ id: String, hasPart: Bool) -> JSONObject {
    var event: JSONObject = ["type": type, "item_id": .string(id), "output_index": .int(Int64(items.count))]
    if hasPart { event["content_index"] = 0 }
    return event
  }

  private func part(_ type: JSONValue, _ id: String, _ part: JSONValue) -> JSONObject {
    var event = event(type, id, hasPart: true)
    event["part"] = part
    return event
  }

  private func item(_ kind: Kind, _ id: String, _ text: String, status: JSONValue) -> JSONValue {
    switch kind {
    case .reasoning:
      [
        "id": .string(id), "type": "reasoning", "summary": [], "content": [Self.reasoningPart(text)],
        "encrypted_content": .null, "status": status,
      ]
    case .message:
      [
        "id": .string(id), "type": "message", "status": status, "role": "assistant",
        "content": [Self.textPart(text)],
      ]
    case .call(let callID, let name):
      [
        "id": .string(id), "type": "function_call", "status": status, "call_id": .string(callID),
        "name": .string(name), "arguments": .string(text),
      ]
    }
  }

  private static func textPart(_ text: String) -> JSONValue {
    ["type": "output_text", "text": .string(text), "annotations": [], "logprobs": []]
  }

  private static func reasoningPart(_ text: String) -> JSONValue { ["type": "reasoning_text", "text": .string(text)] }

  private static func with(_ value: JSONValue, _ key: String, _ member: JSONValue) -> JSONValue {
    guard var object = value.objectValue else { return value }
    object[key] = member
    return .object(object)
  }
}
