/// Main path 2/8: messages become text by the model's template, text becomes tokens.
package import MartletCore

/// Turns what a client sends into prompt tokens. Costs CPU in proportion to the text: call it off the network loops.
///
/// Special tokens that users spell in their messages are recognised, as in SGLang: the rendered text is one string.
package struct PromptBuilder: Sendable {
  private let tokenizer: Tokenizer
  private let template: ChatTemplate?
  private let beginText: String
  private let endText: String

  package init(tokenizer: Tokenizer, template: ChatTemplate?, beginText: String, endText: String) {
    self.tokenizer = tokenizer
    self.template = template
    self.beginText = beginText
    self.endText = endText
  }

  package func tokens(text: String, addSpecialTokens: Bool = true) -> [TokenID] {
    tokenizer.encode(text, addSpecialTokens: addSpecialTokens, parseSpecialTokens: true)
  }

  /// - Throws: `InvalidField` when the model has no template, `TemplateError` when the template refuses or fails.
  package func tokens(chat: ChatPrompt) throws -> [TokenID] {
    // The template writes the begin token where the model wants one.
    tokenizer.encode(try render(chat), addSpecialTokens: false, parseSpecialTokens: true)
  }

  /// The exact text that is tokenized.
  package func render(_ chat: ChatPrompt) throws -> String {
    guard let template else {
      throw InvalidField(field: "messages", reason: "cannot be used: this model has no chat template")
    }
    var context = chat.templateVariables
    context["messages"] = .array(chat.messages.map(flattened))
    if let tools = chat.tools { context["tools"] = .array(tools) }
    context["bos_token"] = .string(beginText)
    context["eos_token"] = .string(endText)
    guard chat.continueFinalMessage, let last = chat.messages.last, let content = Self.text(of: last) else {
      context["add_generation_prompt"] = .bool(chat.addGenerationPrompt)
      return try template.render(context)
    }
    context["add_generation_prompt"] = .bool(false)
    let text = try template.render(context)
    // What the template puts behind the last message would end it.
    let trimmed = Self.trimmingEnd(content)
    guard !trimmed.isEmpty, let found = Self.lastRange(of: trimmed, in: text) else {
      throw InvalidField(field: "continue_final_message", reason: "cannot be used: the template changes the message")
    }
    return String(text[..<found])
  }

  /// Templates are written for strings; parts that are all text become one.
  private func flattened(_ message: JSONValue) -> JSONValue {
    guard case .object(var object) = message, case .array = object["content"], let text = Self.text(of: message) else {
      return message
    }
    object["content"] = .string(text)
    return .object(object)
  }

  private static func text(of message: JSONValue) -> String? {
    guard case .object(let object) = message else { return nil }
    switch object["content"] {
    case .string(let text): return text
    case .array(let parts):
      let texts = parts.map { part -> String? in
        guard case .object(let fields) = part, case .string(let text) = fields["text"] else { return nil }
        return text
      }
      return texts.contains(nil) ? nil : texts.compactMap { $0 }.joined(separator: "\n")
    default: return nil
    }
  }

  private static func trimmingEnd(_ text: String) -> String {
    var text = Substring(text)
    while let last = text.last, last.isWhitespace { text.removeLast() }
    return String(text)
  }

  /// The end of the last occurrence of `needle`.
  private static func lastRange(of needle: String, in text: String) -> String.Index? {
    let bytes = Array(text.utf8)
    let wanted = Array(needle.utf8)
    guard wanted.count <= bytes.count else { return nil }
    for start in stride(from: bytes.count - wanted.count, through: 0, by: -1)
    where bytes[start] == wanted[0] && bytes[start..<start + wanted.count].elementsEqual(wanted) {
      return text.utf8.index(text.startIndex, offsetBy: start + wanted.count)
    }
    return nil
  }
}
