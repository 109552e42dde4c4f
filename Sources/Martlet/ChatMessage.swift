/// One turn of a conversation.
public struct ChatMessage: Sendable {
  public enum Role: String, Sendable {
    case system
    case user
    case assistant
  }

  public let role: Role
  public let content: String

  public init(role: Role, content: String) {
    self.role = role
    self.content = content
  }
}
