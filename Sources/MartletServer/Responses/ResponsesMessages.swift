import MartletCore
import MartletText

/// Input and output items as chat messages: what the model said in one turn becomes one message.
struct ResponsesMessages {
  private struct Turn {
    var text = ""
    var reasoning = ""
    var calls: [JSONValue] = []
  }

  private var messages: [JSONValue] = []
  private var turn: Turn?

  mutating func addSystem(_ text: String) { messages.append(["role": "system", "content": .string(text)]) }

  mutating func add(_ item: JSONValue, field: String) throws(InvalidField) {
    switch item["type"]?.stringValue ?? "message" {
    case "message": try addMessage(item, field: field)
    case "function_call":
      guard let name = item["name"]?.stringValue, let id = item["call_id"]?.stringValue else {
        throw InvalidField(field: field, reason: "must have a name and a call_id")
      }
      let arguments = item["arguments"]?.stringValue ?? "{}"
      var open = turn ?? Turn()
      open.calls.append([
        "id": .string(id), "type": "function",
        "function": ["name": .string(name), "arguments": .string(arguments)],
      ])
      turn = open
    case "function_call_output":
      guard let id = item["call_id"]?.stringValue else {
        throw InvalidField(field: "\(field).call_id", reason: "must be a string")
      }
      endTurn()
      let text = try Self.text(item["output"], field: "\(field).output")
      messages.append(["role": "tool", "tool_call_id": .string(id), "content": .string(text)])
    case "reasoning":
      var open = turn ?? Turn()
      for part in item["content"]?.arrayValue ?? [] { open.reasoning += part["text"]?.stringValue ?? "" }
      turn = open
    case let type:
      throw InvalidField(field: "\(field).type", reason: "is \"\(type)\", which is not supported")
    }
  }

  mutating func finish() -> [JSONValue] {
    endTurn()
    return messages
  }

  private mutating func addMessage(_ item: JSONValue, field: String) throws(InvalidField) {
    guard let role = item["role"]?.stringValue, ["user", "assistant", "system", "developer"].contains(role) else {
      throw InvalidField(
        field: "\(field).role", reason: "must be \"user\", \"assistant\", \"system\" or \"developer\"")
    }
    let text = try Self.text(item["content"], field: "\(field).content")
    guard role == "assistant" else {
      endTurn()
      messages.append(["role": .string(role), "content": .string(text)])
      return
    }
    // Text behind calls begins a turn of its own.
    if turn?.calls.isEmpty == false { endTurn() }
    var open = turn ?? Turn()
    open.text += text
    turn = open
  }

  private mutating func endTurn() {
    guard let turn else { return }
    self.turn = nil
    var message: JSONObject = ["role": "assistant", "content": .string(turn.text)]
    if !turn.reasoning.isEmpty { message["reasoning_content"] = .string(turn.reasoning) }
    if !turn.calls.isEmpty { message["tool_calls"] = .array(turn.calls) }
    messages.append(.object(message))
  }

  private static func text(_ content: JSONValue?, field: String) throws(InvalidField) -> String {
    if let text = content?.stringValue { return text }
    guard let parts = content?.arrayValue else {
      throw InvalidField(field: field, reason: "must be a string or a list of parts")
    }
    var text = ""
    for (index, part) in parts.enumerated() {
      let type = part["type"]?.stringValue ?? "none"
      guard ["input_text", "output_text", "text", "refusal"].contains(type),
        let piece = part[type == "refusal" ? "refusal" : "text"]?.stringValue
      else {
        throw InvalidField(field: "\(field)[\(index)]", reason: "has the type \"\(type)\"; this model reads text only")
      }
      text += piece
    }
    return text
  }
}
