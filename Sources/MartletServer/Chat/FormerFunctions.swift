import MartletCore
import MartletText

/// `functions`, `function_call` and messages of the role `function` in the words that replaced them.
enum FormerFunctions {
  private static func areUsed(by fields: RequestFields) -> Bool {
    fields.value("functions") != nil || fields.value("function_call") != nil
      || (fields.object["messages"]?.arrayValue ?? []).contains { message in
        message["role"] == "function" || message["function_call"]?.objectValue != nil
      }
  }

  /// The request without them; one that has none stays as it is.
  static func chatFields(_ fields: RequestFields) throws(InvalidField) -> RequestFields {
    guard areUsed(by: fields) else { return fields }
    var chat = fields.object
    for (key, newer) in [("functions", "tools"), ("function_call", "tool_choice")] where fields.value(key) != nil {
      guard fields.value(newer) == nil else {
        throw InvalidField(field: key, reason: "cannot be combined with \(newer), which replaced it")
      }
      chat[key] = nil
    }
    if let functions = try fields.array("functions") {
      var tools: [JSONValue] = []
      for (index, function) in functions.enumerated() {
        guard let name = function["name"]?.stringValue, !name.isEmpty else {
          throw InvalidField(field: "functions[\(index)].name", reason: "must be a string")
        }
        tools.append(["type": "function", "function": function])
      }
      chat["tools"] = .array(tools)
      // The former answer has room for one call.
      chat["parallel_tool_calls"] = false
    }
    switch fields.value("function_call") {
    case nil: break
    case .string(let word)? where word == "auto" || word == "none": chat["tool_choice"] = .string(word)
    case .object(let choice)?:
      guard let name = choice["name"]?.stringValue else {
        throw InvalidField(field: "function_call.name", reason: "must be a string")
      }
      chat["tool_choice"] = ["type": "function", "function": ["name": .string(name)]]
    default:
      throw InvalidField(
        field: "function_call", reason: "must be \"none\", \"auto\" or an object with a function's name")
    }
    if let messages = try fields.array("messages") { chat["messages"] = .array(try self.messages(messages)) }
    var names = fields.clientNames
    if fields.value("functions") != nil { names[ToolFieldNames.function] = "functions[]" }
    return try RequestFields(.object(chat), clientNames: names)
  }

  /// Calls get ids by their place, and results those of the last call before them.
  private static func messages(_ messages: [JSONValue]) throws(InvalidField) -> [JSONValue] {
    var result: [JSONValue] = [], lastCall = ""
    for (index, message) in messages.enumerated() {
      guard var object = message.objectValue else {
        result.append(message)
        continue
      }
      if let call = object["function_call"], !call.isNull {
        guard call["name"]?.stringValue != nil else {
          throw InvalidField(field: "messages[\(index)].function_call.name", reason: "must be a string")
        }
        lastCall = "call_\(index)"
        object["function_call"] = nil
        object["tool_calls"] = [["id": .string(lastCall), "type": "function", "function": call]]
      } else if object["role"] == "function" {
        guard object["name"]?.stringValue != nil else {
          throw InvalidField(field: "messages[\(index)].name", reason: "must be a function's name")
        }
        object["role"] = "tool"
        object["tool_call_id"] = .string(lastCall)
      }
      result.append(.object(object))
    }
    return result
  }
}
