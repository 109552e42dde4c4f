import MartletCore

/// Makes of a client's message what chat templates are written for.
enum MessageNormalizer {
  /// Content parts become their text, the arguments of calls become objects, and members that are null or empty go.
  static func normalized(_ message: JSONValue, index: Int) throws(PromptBuilder.Failure) -> JSONValue {
    guard let given = message.objectValue, let role = given["role"]?.stringValue?.lowercased() else {
      throw invalid("messages[\(index)].role", "must be a string")
    }
    var object = JSONObject(given.members.filter { !$0.value.isNull })
    object["role"] = .string(role == "developer" ? "system" : role)
    object["content"] = .string(try content(given, role: role, index: index))
    if let calls = object["tool_calls"] { object["tool_calls"] = try self.calls(calls, index: index) }
    if let reasoning = object["reasoning"]?.stringValue, object["reasoning_content"] == nil {
      object["reasoning_content"] = .string(reasoning)
    }
    return .object(object)
  }

  private static func invalid(_ field: String, _ reason: String) -> PromptBuilder.Failure {
    .invalid(InvalidField(field: field, reason: reason))
  }

  private static func content(
    _ message: JSONObject, role: String, index: Int
  ) throws(PromptBuilder.Failure) -> String {
    switch message["content"] {
    case .string(let text): return text
    case nil, .null?:
      guard role == "assistant" else { throw invalid("messages[\(index)].content", "is missing") }
      return message["refusal"]?.stringValue ?? ""
    case .array(let parts)?:
      var text = ""
      for (place, part) in parts.enumerated() {
        text += try self.text(of: part, field: "messages[\(index)].content[\(place)]")
      }
      return text
    default: throw invalid("messages[\(index)].content", "must be a string or a list of parts")
    }
  }

  private static func text(of part: JSONValue, field: String) throws(PromptBuilder.Failure) -> String {
    let type = part["type"]?.stringValue
    switch type {
    case "text", "input_text", "output_text", "refusal":
      let member = type == "refusal" ? "refusal" : "text"
      guard let piece = part[member]?.stringValue else { throw invalid("\(field).\(member)", "must be a string") }
      return piece
    default: throw invalid(field + ".type", "is \(type ?? "missing"); this model reads text only")
    }
  }

  /// Nil for an empty list, which templates take for a call.
  private static func calls(_ value: JSONValue, index: Int) throws(PromptBuilder.Failure) -> JSONValue? {
    guard let list = value.arrayValue else { throw invalid("messages[\(index)].tool_calls", "must be a list") }
    guard !list.isEmpty else { return nil }
    var calls: [JSONValue] = []
    for (place, call) in list.enumerated() {
      guard var object = call.objectValue, var function = object["function"]?.objectValue,
        function["name"]?.stringValue != nil
      else {
        throw invalid("messages[\(index)].tool_calls[\(place)].function.name", "must be a string")
      }
      // Templates write arguments as JSON themselves. What is no JSON stays the text that the model wrote.
      if let text = function["arguments"]?.stringValue {
        function["arguments"] =
          text.allSatisfy(\.isWhitespace) ? .object(JSONObject()) : (try? JSONValue(parsing: text)) ?? .string(text)
      }
      object["function"] = .object(function)
      calls.append(.object(object))
    }
    return .array(calls)
  }
}
