/// Main path 2/8: messages become a prompt's tokens through the chat template.
package import MartletCore

/// Renders conversations and tokenizes them. Safe to use from any thread; the work is proportional to the text.
package struct PromptBuilder: Sendable {
  package let tokenizer: Tokenizer
  package let template: ChatTemplate?

  package init(tokenizer: Tokenizer, template: ChatTemplate?) {
    self.tokenizer = tokenizer
    self.template = template
  }

  package struct Conversation: Sendable {
    /// OpenAI messages, each an object with a role.
    package var messages: [JSONValue]
    package var tools: JSONValue?
    /// Further template variables.
    package var variables = JSONObject()
    /// Continue the last assistant message in place of opening a new turn.
    package var continuesFinalMessage = false

    package init(messages: [JSONValue]) { self.messages = messages }
  }

  package enum Failure: Error, Sendable {
    case noTemplate
    case invalid(InvalidField)
    case template(TemplateError)
  }

  package func tokens(of conversation: Conversation) throws(Failure) -> [TokenID] {
    tokens(rendered: try text(of: conversation))
  }

  /// The tokens of a rendered conversation.
  package func tokens(rendered text: String) -> [TokenID] {
    tokenizer.encode(text, addSpecialTokens: !startsWithBeginToken(text))
  }

  /// Templates usually write the begin token themselves; it must not be there twice.
  private func startsWithBeginToken(_ text: String) -> Bool {
    guard tokenizer.addsBeginToken, let begin = tokenizer.beginToken else { return true }
    return text.utf8.starts(with: tokenizer.bytes(of: begin))
  }

  package func text(of conversation: Conversation) throws(Failure) -> String {
    guard let template else { throw .noTemplate }
    var messages: [JSONValue] = []
    for (index, message) in conversation.messages.enumerated() {
      messages.append(try MessageNormalizer.normalized(message, index: index))
    }
    var continuation: String?
    if conversation.continuesFinalMessage {
      guard let last = messages.last, last["role"]?.stringValue == "assistant",
        let content = last["content"]?.stringValue
      else {
        throw .invalid(
          InvalidField(field: "continue_final_message", reason: "needs a last message of the assistant with text"))
      }
      continuation = content
      messages.removeLast()
    }
    var context = JSONObject()
    context["messages"] = .array(messages)
    context["add_generation_prompt"] = .bool(true)
    context["bos_token"] = .string(spelling(tokenizer.beginToken))
    context["eos_token"] = .string(spelling(tokenizer.endToken))
    if let tools = conversation.tools { context["tools"] = tools }
    for (key, value) in conversation.variables.members { context[key] = value }
    do { return try template.render(context) + (continuation ?? "") } catch { throw .template(error) }
  }

  private func spelling(_ token: TokenID?) -> String {
    token.map { String(decoding: tokenizer.bytes(of: $0), as: UTF8.self) } ?? ""
  }
}
