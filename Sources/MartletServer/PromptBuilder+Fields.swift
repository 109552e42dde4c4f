import MartletCore
import MartletText

extension PromptBuilder.Conversation {
  /// Reads what stands beside the messages of a chat or tokenize request.
  init(messages: [JSONValue], fields: RequestFields) throws(InvalidField) {
    self.init(messages: messages)
    let arguments = try fields.fields("chat_template_kwargs")?.object ?? JSONObject()
    guard arguments["chat_template"] == nil else {
      throw InvalidField(field: "chat_template_kwargs.chat_template", reason: "is not allowed")
    }
    variables = arguments
    continuesFinalMessage = try fields.bool("continue_final_message") ?? false
    if let opens = try fields.bool("add_generation_prompt") { variables["add_generation_prompt"] = .bool(opens) }
    if let effort = try fields.string("reasoning_effort") { variables["reasoning_effort"] = .string(effort) }
    if let tools = try fields.array("tools"), fields.value("tool_choice")?.stringValue != "none" {
      self.tools = .array(tools)
    }
  }
}
