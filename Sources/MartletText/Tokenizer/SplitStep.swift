/// One cutting of text into pieces; merges never cross pieces.
package enum SplitStep: Sendable, Equatable {
  /// What becomes of a pattern's matches. Gaps between them are pieces.
  package enum Behavior: String, Sendable {
    case isolated = "Isolated"
    case removed = "Removed"
    case mergedWithPrevious = "MergedWithPrevious"
    case mergedWithNext = "MergedWithNext"
    case contiguous = "Contiguous"
  }
  /// Which texts get a mark in front where they have none.
  package enum Prepending: String, Sendable {
    case always, first, never
  }

  /// A pattern with a scanner of its own.
  case words(WordPattern)
  /// A regular expression; `inverted` makes its gaps the matches.
  case pattern(String, Behavior, inverted: Bool)
  /// A space in front of every piece that has none.
  case spacePrefixed
  /// Spaces become marks; pieces begin at marks when `cutsWords`.
  case marked(Prepending, cutsWords: Bool)
}
