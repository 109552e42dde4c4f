/// How the next token is drawn. Always valid: the initializer refuses what SGLang refuses.
package struct SamplingParameters: Sendable, Equatable {
  /// Added to one token's logit.
  package struct Bias: Sendable, Equatable {
    package let token: TokenID
    package let value: Float
    package init(token: TokenID, value: Float) {
      self.token = token
      self.value = value
    }
  }

  /// Values as a client spells them, before validation; defaults are SGLang's.
  package struct Fields: Sendable {
    package var temperature = 1.0
    package var topP = 1.0
    /// -1: the whole vocabulary.
    package var topK = -1
    package var minP = 0.0
    package var frequencyPenalty = 0.0
    package var presencePenalty = 0.0
    package var repetitionPenalty = 1.0
    package var bias: [Bias] = []
    package var seed: UInt64 = 0
    package init() {}
  }

  package let temperature: Float
  package let topP: Float
  /// 0: the whole vocabulary.
  package let topK: Int
  package let minP: Float
  package let frequencyPenalty: Float
  package let presencePenalty: Float
  package let repetitionPenalty: Float
  package let bias: [Bias]
  package let seed: UInt64

  package var isGreedy: Bool { temperature == 0 }

  package init(_ fields: Fields) throws(InvalidField) {
    try Self.check("temperature", fields.temperature, 0...Double(Float.greatestFiniteMagnitude))
    try Self.check("top_p", fields.topP, Double.leastNonzeroMagnitude...1)
    try Self.check("min_p", fields.minP, 0...1)
    try Self.check("frequency_penalty", fields.frequencyPenalty, -2...2)
    try Self.check("presence_penalty", fields.presencePenalty, -2...2)
    try Self.check("repetition_penalty", fields.repetitionPenalty, Double.leastNonzeroMagnitude...2)
    guard fields.topK == -1 || (1...Int(Int32.max)).contains(fields.topK) else {
      throw InvalidField(field: "top_k", reason: "must be -1 (all tokens) or at least 1, got \(fields.topK)")
    }
    let greedy = fields.temperature < 1e-6
    temperature = greedy ? 0 : Float(fields.temperature)
    topP = Float(fields.topP)
    topK = max(0, fields.topK)
    minP = Float(fields.minP)
    frequencyPenalty = Float(fields.frequencyPenalty)
    presencePenalty = Float(fields.presencePenalty)
    repetitionPenalty = Float(fields.repetitionPenalty)
    bias = fields.bias
    seed = fields.seed
  }

  private static func check(_ field: String, _ value: Double, _ range: ClosedRange<Double>) throws(InvalidField) {
    guard range.contains(value) else {
      throw InvalidField(
        field: field, reason: "must be between \(range.lowerBound) and \(range.upperBound), got \(value)")
    }
  }
}
