/// A place for one running sequence in the executor's per-sequence state, 0..<maxRunningRequests.
package struct SlotIndex: Hashable, Sendable {
  package let rawValue: Int32
  package init(_ rawValue: Int32) { self.rawValue = rawValue }
}
