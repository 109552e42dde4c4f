/// What a request's output must look like. Shared by all its generations; the engine asks for a state for each.
package protocol TokenConstraint: Sendable {
  /// The state after `generated`: none at the start, more when a generation resumes after a retraction.
  func state(after generated: [TokenID]) -> any TokenConstraintState
}

/// One generation's place in a constraint. A copy goes on by itself.
package protocol TokenConstraintState: Sendable {
  /// Bit t of word t / 32 is set when token t may come next, end tokens included; nil while anything may. Words beyond
  /// the array are zero. No bit is set when the constraint gave up: the generation cannot go on.
  mutating func mask() -> [UInt32]?
  /// Tokens that must come next, up to `limit`, or the beginning of what they spell: guesses that a draw still has to
  /// confirm, as text can be cut into tokens in more than one way.
  mutating func forced(limit: Int) -> [TokenID]
  /// Takes the token that was drawn. A token outside the mask ends the constraint's answers.
  mutating func advance(_ token: TokenID)
}
