/// One generation inside the engine; unique for the process's life.
package struct RequestID: Hashable, Sendable {
  package let rawValue: UInt64
  package init(_ rawValue: UInt64) { self.rawValue = rawValue }
}
