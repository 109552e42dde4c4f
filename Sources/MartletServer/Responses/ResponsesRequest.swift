import MartletCore
import MartletText

/// A Responses request in the words of the chat endpoint, so that the same conversation gives the same prompt.
enum ResponsesRequest {
  private static let fields: Set = [
    "background", "include", "input", "instructions", "max_output_tokens", "metadata", "model", "parallel_tool_calls",
    "previous_response_id", "prompt_cache_key", "prompt_cache_retention", "reasoning", "safety_identifier",
    "service_tier", "store", "stream", "stream_options", "temperature", "text", "tool_choice", "tools", "top_p",
    "truncation", "user",
  ]
  /// Fields of the chat endpoint that the dialect has no name for.
  private static let extensions = [
    "any_whitespace", "cache_salt", "chat_template_kwargs", "extra_key", "frequency_penalty", "ignore_eos",
    "max_thinking_tokens", "min_p", "presence_penalty", "priority", "repetition_penalty", "return_token_ids", "seed",
    "stop", "stop_token_ids", "timing", "top_k", "whitespace_pattern",
  ]

  /// - Parameter history: the items of the responses before this one.
  static func chatFields(
    _ fields: RequestFields, input: [JSONValue], history: [JSONValue]
  ) throws(InvalidField) -> RequestFields {
    try refuseUnknown(fields)
    var chat = JSONObject()
    for key in ["model", "temperature", "top_p", "parallel_tool_calls", "user"] + extensions {
      if let value = fields.value(key) { chat[key] = value }
    }
    if let limit = try fields.integer("max_output_tokens", in: 1...Int(Int32.max)) {
      chat["max_tokens"] = .int(Int64(limit))
    }
    if let effort = try fields.fields("reasoning")?.string("effort") { chat["reasoning_effort"] = .string(effort) }
    if let format = try fields.fields("text")?.fields("format") { chat["response_format"] = try responseFormat(format) }
    try addTools(fields, to: &chat)
    var messages = ResponsesMessages()
    if let instructions = try fields.string("instructions") { messages.addSystem(instructions) }
    for item in history { try messages.add(item, field: "previous_response_id") }
    for (index, item) in input.enumerated() { try messages.add(item, field: "input[\(index)]") }
    chat["messages"] = .array(messages.finish())
    return try RequestFields(
      .object(chat), clientNames: ["response_format": "text.format", ToolFieldNames.function: "tools[]"])
  }

  /// The items of `input`, a string being the user's message.
  static func input(_ fields: RequestFields) throws(InvalidField) -> [JSONValue] {
    switch fields.value("input") {
    case .string(let text)?:
      return [["type": "message", "role": "user", "content": [["type": "input_text", "text": .string(text)]]]]
    case .array(let items)? where !items.isEmpty: return items
    case nil: throw InvalidField(field: "input", reason: "is missing")
    default: throw InvalidField(field: "input", reason: "must be a string or a list with at least one item")
    }
  }

  private static func refuseUnknown(_ fields: RequestFields) throws(InvalidField) {
    for key in fields.object.keys where fields.value(key) != nil {
      guard self.fields.contains(key) || extensions.contains(key) else {
        if key == "top_logprobs", fields.value(key) == 0 { continue }
        throw InvalidField(field: key, reason: "is not supported by /v1/responses")
      }
    }
    guard try fields.string("truncation") ?? "disabled" == "disabled" else {
      throw InvalidField(field: "truncation", reason: "must be \"disabled\": input is never cut")
    }
    for item in try fields.strings("include") ?? [] where item != "reasoning.encrypted_content" {
      throw InvalidField(field: "include", reason: "has \"\(item)\", which is not supported")
    }
    let isStored = try fields.bool("store") ?? true, isBackground = try fields.bool("background") ?? false
    guard isStored || !isBackground else {
      throw InvalidField(field: "background", reason: "needs store to be true")
    }
    guard let metadata = try fields.fields("metadata")?.object else { return }
    for (key, value) in metadata.members where value.stringValue == nil || metadata.count > 16 || key.utf8.count > 256 {
      throw InvalidField(field: "metadata", reason: "must have up to 16 strings")
    }
  }

  private static func responseFormat(_ format: RequestFields) throws(InvalidField) -> JSONValue {
    guard try format.string("type") == "json_schema" else { return .object(format.object) }
    var schema = JSONObject()
    for key in ["name", "description", "schema", "strict"] {
      if let value = format.value(key) { schema[key] = value }
    }
    return ["type": "json_schema", "json_schema": .object(schema)]
  }

  private static func addTools(_ fields: RequestFields, to chat: inout JSONObject) throws(InvalidField) {
    if let tools = try fields.array("tools"), !tools.isEmpty {
      var converted: [JSONValue] = []
      for (index, tool) in tools.enumerated() {
        let type = tool["type"]?.stringValue ?? "none"
        guard type == "function" else {
          throw InvalidField(
            field: "tools[\(index)].type", reason: "is \"\(type)\"; only \"function\" is supported")
        }
        var function = JSONObject()
        for key in ["name", "description", "parameters", "strict"] {
          if let value = tool[key], !value.isNull { function[key] = value }
        }
        converted.append(["type": "function", "function": .object(function)])
      }
      chat["tools"] = .array(converted)
    }
    switch fields.value("tool_choice") {
    case nil: break
    case .string(let word)?: chat["tool_choice"] = .string(word)
    case let choice?:
      guard choice["type"] == "function", let name = choice["name"]?.stringValue else {
        throw InvalidField(
          field: "tool_choice", reason: "must be \"none\", \"auto\", \"required\" or {\"type\": \"function\", \"name\"}"
        )
      }
      chat["tool_choice"] = ["type": "function", "function": ["name": .string(name)]]
    }
  }
}
