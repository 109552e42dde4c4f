import MartletCore
import MartletText

/// A Messages request in the words of the chat endpoint, so that the same conversation gives the same prompt.
enum AnthropicRequest {
  /// - Parameter isCount: only the prompt is wanted.
  static func chatFields(_ fields: RequestFields, isCount: Bool = false) throws(InvalidField) -> RequestFields {
    var chat = JSONObject()
    let same = [
      "model", "temperature", "top_p", "top_k", "stream", "thinking", "priority", "cache_salt", "seed", "json_schema",
      "regex", "ebnf", "return_token_ids", "timing", "whitespace_pattern", "any_whitespace", "max_thinking_tokens",
    ]
    for key in same {
      if let value = fields.value(key) { chat[key] = value }
    }
    if !isCount {
      guard let limit = try fields.integer("max_tokens", in: 1...Int(Int32.max)) else {
        throw InvalidField(field: "max_tokens", reason: "is missing")
      }
      chat["max_tokens"] = .int(Int64(limit))
    }
    if let stops = try fields.strings("stop_sequences") { chat["stop"] = .array(stops.map { .string($0) }) }
    if let effort = try fields.fields("output_config")?.string("effort") { chat["reasoning_effort"] = .string(effort) }
    chat["response_format"] = try outputFormat(fields)
    chat["messages"] = .array(try messages(fields))
    try addTools(fields, to: &chat)
    if case .array(let messages)? = chat["messages"], let last = messages.last, last["role"] == "assistant",
      last["tool_calls"] == nil
    {
      chat["continue_final_message"] = true
    }
    let format = fields.value("output_format") == nil ? "output_config.format" : "output_format"
    return try RequestFields(
      .object(chat),
      clientNames: [
        "response_format": format, ToolFieldNames.function: "tools[]",
        ToolFieldNames.parameters: "tools[].input_schema",
      ])
  }

  /// `output_config.format`, or `output_format` as betas had it.
  private static func outputFormat(_ fields: RequestFields) throws(InvalidField) -> JSONValue? {
    var given = try fields.fields("output_config")?.fields("format")
    if given == nil { given = try fields.fields("output_format") }
    guard let format = given else { return nil }
    guard try format.string("type") == "json_schema" else {
      throw InvalidField(field: format.name("type"), reason: "must be \"json_schema\"")
    }
    guard let schema = format.value("schema") else {
      throw InvalidField(field: format.name("schema"), reason: "is missing")
    }
    return ["type": "json_schema", "json_schema": ["schema": schema]]
  }

  private static func addTools(_ fields: RequestFields, to chat: inout JSONObject) throws(InvalidField) {
    if let tools = try fields.array("tools"), !tools.isEmpty {
      var converted: [JSONValue] = []
      for (index, tool) in tools.enumerated() {
        guard tool["type"]?.stringValue ?? "custom" == "custom" else {
          throw InvalidField(
            field: "tools[\(index)].type", reason: "must be \"custom\": server tools are not supported")
        }
        var function = JSONObject()
        function["name"] = tool["name"]
        function["description"] = tool["description"]
        function["parameters"] = tool["input_schema"]
        function["strict"] = tool["strict"]
        converted.append(["type": "function", "function": .object(function)])
      }
      chat["tools"] = .array(converted)
    }
    guard let choice = try fields.fields("tool_choice") else { return }
    if try choice.bool("disable_parallel_tool_use") ?? false { chat["parallel_tool_calls"] = false }
    switch try choice.string("type") {
    case "auto": break
    case "none": chat["tool_choice"] = "none"
    case "any": chat["tool_choice"] = "required"
    case "tool":
      guard let name = try choice.string("name") else {
        throw InvalidField(field: "tool_choice.name", reason: "is missing")
      }
      chat["tool_choice"] = ["type": "function", "function": ["name": .string(name)]]
    default: throw InvalidField(field: "tool_choice.type", reason: "must be \"auto\", \"any\", \"tool\" or \"none\"")
    }
  }

  private static func messages(_ fields: RequestFields) throws(InvalidField) -> [JSONValue] {
    var result: [JSONValue] = []
    if let system = fields.value("system") {
      result.append(["role": "system", "content": .string(try text(of: system, field: "system"))])
    }
    guard let messages = try fields.array("messages"), !messages.isEmpty else {
      throw InvalidField(field: "messages", reason: "must be a list with at least one message")
    }
    for (index, message) in messages.enumerated() {
      let field = "messages[\(index)]"
      guard let role = message["role"]?.stringValue, ["user", "assistant", "system"].contains(role) else {
        throw InvalidField(field: "\(field).role", reason: "must be \"user\" or \"assistant\"")
      }
      switch message["content"] {
      case .string(let text)?: result.append(["role": .string(role), "content": .string(text)])
      case .array(let blocks)?:
        result +=
          role == "assistant"
          ? [try assistant(blocks, field: "\(field).content")]
          : try user(blocks, role: role, field: "\(field).content")
      default: throw InvalidField(field: "\(field).content", reason: "must be a string or a list of blocks")
      }
    }
    return result
  }

  /// Results become messages of their own, in the order of the blocks.
  private static func user(_ blocks: [JSONValue], role: String, field: String) throws(InvalidField) -> [JSONValue] {
    var messages: [JSONValue] = [], text = ""
    for (index, block) in blocks.enumerated() {
      let field = "\(field)[\(index)]"
      switch block["type"]?.stringValue {
      case "tool_result":
        if !text.isEmpty { messages.append(["role": .string(role), "content": .string(text)]) }
        text = ""
        guard let id = block["tool_use_id"]?.stringValue else {
          throw InvalidField(field: "\(field).tool_use_id", reason: "must be a string")
        }
        let result = try block["content"].map { content throws(InvalidField) in
          try self.text(of: content, field: "\(field).content")
        }
        messages.append(["role": "tool", "tool_call_id": .string(id), "content": .string(result ?? "")])
      default: text += try self.text(of: [block], field: field)
      }
    }
    if !text.isEmpty || messages.isEmpty { messages.append(["role": .string(role), "content": .string(text)]) }
    return messages
  }

  private static func assistant(_ blocks: [JSONValue], field: String) throws(InvalidField) -> JSONValue {
    var text = "", reasoning = "", calls: [JSONValue] = []
    for (index, block) in blocks.enumerated() {
      let field = "\(field)[\(index)]"
      switch block["type"]?.stringValue {
      case "thinking": reasoning += block["thinking"]?.stringValue ?? ""
      case "redacted_thinking": continue
      case "tool_use":
        guard let name = block["name"]?.stringValue else {
          throw InvalidField(field: "\(field).name", reason: "must be a string")
        }
        calls.append([
          "id": block["id"] ?? "", "type": "function",
          "function": ["name": .string(name), "arguments": block["input"] ?? .object(JSONObject())],
        ])
      default: text += try self.text(of: [block], field: field)
      }
    }
    var message: JSONObject = ["role": "assistant", "content": .string(text)]
    if !reasoning.isEmpty { message["reasoning_content"] = .string(reasoning) }
    if !calls.isEmpty { message["tool_calls"] = .array(calls) }
    return .object(message)
  }

  /// A string, or the joined text of blocks.
  private static func text(of value: JSONValue, field: String) throws(InvalidField) -> String {
    if let text = value.stringValue { return text }
    guard let blocks = value.arrayValue else {
      throw InvalidField(field: field, reason: "must be a string or a list of blocks")
    }
    var text = ""
    for block in blocks {
      guard let type = block["type"]?.stringValue, type == "text", let piece = block["text"]?.stringValue else {
        throw InvalidField(
          field: field, reason: "has a block of type \(block["type"]?.stringValue ?? "?"); this model reads text only")
      }
      text += piece
    }
    return text
  }
}
