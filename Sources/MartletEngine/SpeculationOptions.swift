/// Prompt-lookup speculation: continuations of what was generated last are taken from where the same tokens stood before
/// and checked in the same step. The output is the same with and without it.
package struct SpeculationOptions: Sendable, Equatable {
  /// Tokens proposed for one sequence in one step at most.
  package var maxDraftTokens = 8
  /// Tokens that a constraint forces are written without a draw.
  package var writesForced = false
  /// What a second row adds to the time of a step with one row, as a share of that step, until it has been measured.
  package var rowCost: Float = 0.3
  /// Above this cost of a token hardly any guess pays; then nothing is looked up, nor prompts indexed.
  static let highestCost: Float = 0.8
  /// Above this cost of a token constraints are not asked what must follow: that takes time itself, most of all in places
  /// of a text where no generation has been.
  static let highestForcedCost: Float = 0.6
  package init() {}
}
