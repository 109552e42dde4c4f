/// A token's index in the vocabulary.
package struct TokenID: Hashable, Sendable, Comparable {
  package let rawValue: Int32
  package init(_ rawValue: Int32) { self.rawValue = rawValue }
  package static func < (left: TokenID, right: TokenID) -> Bool { left.rawValue < right.rawValue }
}
