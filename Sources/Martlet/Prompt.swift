/// What a generation continues.
public enum Prompt: Sendable, ExpressibleByStringLiteral {
  /// Plain text, continued as it stands.
  case text(String)
  /// Token ids, continued as they stand.
  case tokens([Int32])
  /// A conversation, put into the model's chat template.
  case chat([ChatMessage])

  public init(stringLiteral value: String) { self = .text(value) }
}
