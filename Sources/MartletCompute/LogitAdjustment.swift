/// What changes one row of logits before a token is drawn.
package struct LogitAdjustment: Sendable {
  package struct HistoryEntry: Sendable {
    package let token: Int32
    /// Occurrences in the output; 0 for tokens of the prompt alone.
    package let generatedCount: UInt32
    package init(token: Int32, generatedCount: UInt32) {
      self.token = token
      self.generatedCount = generatedCount
    }
  }

  package var biasTokens: [Int32] = []
  package var biasValues: [Float] = []
  package var history: [HistoryEntry] = []
  package var suppressed: [Int32] = []
  /// Bit t of word t / 32: token t may be drawn. Nil: all may; else a bit for every token of the vocabulary.
  package var allowed: [UInt32]?
  package var repetition: Float = 1
  package var frequency: Float = 0
  package var presence: Float = 0
  package init() {}
}
