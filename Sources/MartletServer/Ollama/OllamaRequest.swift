import MartletCore
import MartletText

/// Ollama's requests in the words of the chat endpoint.
enum OllamaRequest {
  /// /api/chat
  static func chatFields(_ fields: RequestFields) throws(InvalidField) -> RequestFields {
    var chat = try common(fields)
    var messages: [JSONValue] = []
    for (index, message) in (try fields.array("messages") ?? []).enumerated() {
      guard var object = message.objectValue else {
        throw InvalidField(field: "messages[\(index)]", reason: "must be an object")
      }
      if object["images"]?.arrayValue?.isEmpty == false {
        throw InvalidField(field: "messages[\(index)].images", reason: "are not supported: this model reads text only")
      }
      if let thinking = object["thinking"] { object["reasoning_content"] = thinking }
      if object["name"] == nil, let tool = object["tool_name"] { object["name"] = tool }
      for key in ["images", "thinking", "tool_name"] { object[key] = nil }
      messages.append(.object(object))
    }
    chat["messages"] = .array(messages)
    if let tools = fields.value("tools") { chat["tools"] = tools }
    return try RequestFields(.object(chat), clientNames: clientNames)
  }

  /// /api/generate: a prompt as a chat of one message.
  static func generateFields(_ fields: RequestFields) throws(InvalidField) -> RequestFields {
    try fields.refuse(["images", "template"])
    var chat = try common(fields)
    var messages: [JSONValue] = []
    if let system = try fields.string("system"), !system.isEmpty {
      messages.append(["role": "system", "content": .string(system)])
    }
    messages.append(["role": "user", "content": .string(try fields.string("prompt") ?? "")])
    chat["messages"] = .array(messages)
    return try RequestFields(.object(chat), clientNames: clientNames)
  }

  private static let clientNames = ["response_format": "format"]

  private static func common(_ fields: RequestFields) throws(InvalidField) -> JSONObject {
    try fields.refuse(["shift"])
    guard try fields.array("context")?.isEmpty ?? true else {
      throw InvalidField(field: "context", reason: "is not supported: send the conversation to /api/chat")
    }
    try checkKeepAlive(fields)
    var chat = JSONObject()
    for key in [
      "model", "return_token_ids", "timing", "logprobs", "top_logprobs", "whitespace_pattern", "any_whitespace",
    ] {
      chat[key] = fields.value(key)
    }
    chat["response_format"] = try responseFormat(fields)
    chat["stream"] = .bool(try fields.bool("stream") ?? true)
    switch fields.value("think") {
    case nil: break
    case .bool(let isOn)?: chat["reasoning"] = ["enabled": .bool(isOn)]
    case .string(let effort)?: chat["reasoning_effort"] = .string(effort)
    default: throw InvalidField(field: "think", reason: "must be true, false or an effort")
    }
    guard let options = try fields.fields("options") else { return chat }
    // Samplers that are not here; the values that clients send by default turn them off.
    for (key, off) in [("mirostat", 0), ("tfs_z", 1), ("typical_p", 1)] as [(String, Double)] {
      guard try options.double(key) ?? off == off else {
        throw InvalidField(field: options.name(key), reason: "is not supported yet")
      }
    }
    let names = [
      "temperature": "temperature", "top_k": "top_k", "top_p": "top_p", "min_p": "min_p", "seed": "seed",
      "stop": "stop", "repeat_penalty": "repetition_penalty", "presence_penalty": "presence_penalty",
      "frequency_penalty": "frequency_penalty", "regex": "regex",
    ]
    for (key, value) in options.object.members {
      guard let name = names[key] else { continue }
      // Here, so that an error has the client's name for the field.
      switch key {
      case "stop": _ = try options.strings(key)
      case "regex": _ = try options.string(key)
      default: _ = try options.double(key)
      }
      chat[name] = value
    }
    // Zero and -2 mean "as much as fits", too.
    if let limit = try options.integer("num_predict"), limit > 0 { chat["max_tokens"] = .int(Int64(limit)) }
    return chat
  }

  private static func responseFormat(_ fields: RequestFields) throws(InvalidField) -> JSONValue? {
    switch fields.value("format") {
    case nil, .string("")?: return nil
    case .string("json")?: return ["type": "json_object"]
    case .object(let schema)?: return ["type": "json_schema", "json_schema": ["schema": .object(schema)]]
    default: throw InvalidField(field: "format", reason: "must be \"json\" or a JSON Schema")
    }
  }

  /// The model stays loaded whatever is asked; what is no time is refused.
  static func checkKeepAlive(_ fields: RequestFields) throws(InvalidField) {
    switch fields.value("keep_alive") {
    case nil, .int?, .double?: return
    case .string(let text)?
    where text.utf8.count <= 32 && text.contains(where: \.isNumber)
      && text.allSatisfy { "-.0123456789nuµmsh".contains($0) }:
      return
    default: throw InvalidField(field: "keep_alive", reason: "must be a number of seconds or a time such as \"5m\"")
    }
  }
}
