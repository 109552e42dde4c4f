/// How tokens are drawn and when a generation ends; defaults are the model's own where it states some.
public struct Sampling: Sendable {
  /// 0 is greedy.
  public var temperature: Double?
  public var topP: Double?
  /// -1: the whole vocabulary.
  public var topK: Int?
  public var minP: Double?
  public var frequencyPenalty = 0.0
  public var presencePenalty = 0.0
  public var repetitionPenalty: Double?
  /// Added to the logits of these token ids.
  public var logitBias: [Int32: Double] = [:]
  /// Same seed, same text. nil draws a new one for each request.
  public var seed: UInt64?
  public var maxTokens = 128
  public var minTokens = 0
  /// The text ends before the first of these.
  public var stop: [String] = []
  public var stopTokens: [Int32] = []
  public var ignoreEndOfSequence = false
  /// What the text must look like; nil: anything.
  public var form: OutputForm?
  /// Of JSON under a schema.
  public var jsonWhitespace = JSONWhitespaceForm.any

  public init(temperature: Double? = nil, maxTokens: Int = 128, seed: UInt64? = nil) {
    self.temperature = temperature
    self.maxTokens = maxTokens
    self.seed = seed
  }
}
