import Martlet

/// The turns of a terminal conversation.
struct Conversation {
  let system: String?
  private(set) var messages: [ChatMessage]

  init(system: String?) {
    self.system = system
    messages = system.map { [ChatMessage(role: .system, content: $0)] } ?? []
  }

  mutating func append(question: String, answer: String) {
    messages.append(ChatMessage(role: .user, content: question))
    messages.append(ChatMessage(role: .assistant, content: answer))
  }

  /// Removes the last question and its answer; nil when there is none.
  mutating func takeLastQuestion() -> String? {
    guard messages.count >= 2, messages[messages.count - 2].role == .user else { return nil }
    let question = messages[messages.count - 2].content
    messages.removeLast(2)
    return question
  }
}
