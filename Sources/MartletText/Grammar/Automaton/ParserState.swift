/// A place in all parses of a text so far.
struct ParserState: Hashable, Sendable {
  struct Thread: Hashable, Sendable {
    /// What is left of a regular expression.
    let head: RegularID
    /// The stacks to go on with behind it.
    let frames: Int32
  }

  /// Ascending by head; one thread a head.
  let threads: [Thread]
  /// The text may end here.
  let accepts: Bool

  static let dead = ParserState(threads: [], accepts: false)
}
