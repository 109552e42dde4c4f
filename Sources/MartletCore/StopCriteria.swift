/// When a generation ends, in tokens. Stop strings live with the text, which cancels the generation.
package struct StopCriteria: Sendable, Equatable {
  /// 0 prefills only.
  package let maxTokens: Int
  /// Stop tokens are not drawn before this many tokens.
  package let minTokens: Int
  /// End-of-turn tokens and the request's own stop ids; empty when the end is ignored.
  package let stopTokens: Set<TokenID>

  package init(maxTokens: Int, minTokens: Int = 0, stopTokens: Set<TokenID> = []) throws(InvalidField) {
    guard maxTokens >= 0 else {
      throw InvalidField(field: "max_new_tokens", reason: "must be at least 0, got \(maxTokens)")
    }
    guard (0...maxTokens).contains(minTokens) else {
      throw InvalidField(
        field: "min_new_tokens", reason: "must be between 0 and max_new_tokens (\(maxTokens)), got \(minTokens)")
    }
    self.maxTokens = maxTokens
    self.minTokens = minTokens
    self.stopTokens = stopTokens
  }
}
