import MartletCore
import MartletText

extension PromptBuilder.Conversation {
  /// Reads what stands beside the messages of a chat or tokenize request.
  init(
    messages: [JSONValue], fields: RequestFields, tools: ToolFields, reasoning: ReasoningFields
  ) throws(InvalidField) {
    self.init(messages: messages)
    let arguments = try fields.fields("chat_template_kwargs")?.object ?? JSONObject()
    guard arguments["chat_template"] == nil else {
      throw InvalidField(field: "chat_template_kwargs.chat_template", reason: "is not allowed")
    }
    variables = JSONObject(reasoning.variables.members + arguments.members)
    let isPrefix = messages.last?["role"]?.stringValue == "assistant" && messages.last?["prefix"]?.boolValue == true
    continuesFinalMessage = try fields.bool("continue_final_message") ?? isPrefix
    if let opens = try fields.bool("add_generation_prompt") { variables["add_generation_prompt"] = .bool(opens) }
    if !tools.offered.isEmpty { self.tools = .array(tools.offered) }
  }
}
