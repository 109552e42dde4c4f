/// What one grammar may cost. A grammar over a budget is refused, or its requests end with an error; nothing grows
/// without a bound.
package struct GrammarBudget: Sendable, Equatable {
  package var maxSourceBytes = 512 << 10
  /// Regular expressions and grammar nodes, made at compile time or later by lazy construction.
  package var maxNodes = 400_000
  /// Transition rows of 1 KiB.
  package var maxRows = 40_000
  package var maxDepth = 200
  /// Alternatives of one schema after it is written as a union.
  package var maxAlternatives = 256
  /// Threads of the parser at one place of a text.
  package var maxThreads = 4_096
  /// Leaves a request 10 ms of the 100 within which it is refused.
  package var compileTime = Duration.milliseconds(90)
  /// Cached masks of one grammar.
  package var maxMaskBytes = 32 << 20
  package init() {}
}
