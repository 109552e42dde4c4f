/// An expression of a `RegularArena`.
typealias RegularID = Int32

/// A regular language over bytes, with intersection and complement.
enum RegularNode: Hashable, Sendable {
  case nothing
  case empty
  case bytes(ByteSet)
  case sequence(RegularID, RegularID)
  case choice([RegularID])
  case all([RegularID])
  case not(RegularID)
  /// `maximum` is `Int32.max` when there is none.
  case repetition(RegularID, minimum: Int32, maximum: Int32)
  /// A state of an explicit automaton.
  case table(Int32, Int32)

  static let unbounded = Int32.max
}
