/// A conversation as a template sees it.
package struct ChatPrompt: Sendable {
  /// Objects with at least a `role`; contents are strings, null or lists of text parts.
  package var messages: [JSONValue]
  package var tools: [JSONValue]?
  package var addGenerationPrompt = true
  /// The last message is an assistant's and goes on.
  package var continueFinalMessage = false
  /// Further top-level variables.
  package var templateVariables = JSONObject()
  package init(messages: [JSONValue]) { self.messages = messages }
}
