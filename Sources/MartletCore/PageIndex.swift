/// A page of the KV pool: `pageSize` consecutive positions of one sequence, in every layer.
package struct PageIndex: Hashable, Sendable {
  package let rawValue: Int32
  package init(_ rawValue: Int32) { self.rawValue = rawValue }
}
