/// The answer to one prompt.
public struct Generation: Sendable {
  public enum FinishReason: String, Sendable {
    case stop
    case length
    case aborted
  }

  public var text = ""
  public var tokens: [Int32] = []
  public var finishReason = FinishReason.aborted
  public var promptTokens = 0
  /// Prompt tokens that came from the prefix cache.
  public var cachedTokens = 0
}
