/// Which log-probabilities a request wants. They are of the model's own distribution: before temperature, penalties
/// and masks.
package struct LogprobOptions: Sendable, Equatable {
  /// Report the drawn token's logprob.
  package let output: Bool
  /// Alternatives per position, best first.
  package let topCount: Int
  /// Report prompt positions from this index on; nil: none.
  package let promptStart: Int?
  /// Tokens whose log-probability is reported at every position.
  package let tokens: [TokenID]

  package static let none = LogprobOptions(output: false, topCount: 0, promptStart: nil)

  package init(output: Bool, topCount: Int, promptStart: Int?, tokens: [TokenID] = []) {
    self.output = output
    self.topCount = topCount
    self.promptStart = promptStart
    self.tokens = tokens
  }
}
