/// A token with its log-probability and the best alternatives at its position.
package struct TokenLogprobs: Sendable, Equatable {
  package struct Alternative: Sendable, Equatable {
    package let token: TokenID
    package let logprob: Float
    package init(token: TokenID, logprob: Float) {
      self.token = token
      self.logprob = logprob
    }
  }

  package let token: TokenID
  package let logprob: Float
  /// Best first; holds `LogprobOptions.topCount` entries.
  package let top: [Alternative]
  /// In the order of `LogprobOptions.tokens`.
  package let selected: [Alternative]

  package init(token: TokenID, logprob: Float, top: [Alternative], selected: [Alternative] = []) {
    self.token = token
    self.logprob = logprob
    self.top = top
    self.selected = selected
  }
}
