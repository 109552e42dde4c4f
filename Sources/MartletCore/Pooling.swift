/// How the final hidden states of a prompt's tokens become one vector.
package enum Pooling: String, Sendable, CaseIterable {
  /// The last token's, which has seen all others.
  case last
  /// The mean over all tokens.
  case mean
}
