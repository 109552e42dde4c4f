/// One op as a profiled table ran it.
package struct OpSample: Sendable {
  package let operation: String
  /// Rows and what else tells ops of one kind apart.
  package let shape: String
  /// Nanoseconds since the profile began.
  package let start: UInt64
  package let nanoseconds: UInt64
  /// Bytes of weights, cache and activations that the op has to move, and its multiplications and additions; 0 where the
  /// host cannot tell.
  package let bytes: Int
  package let operations: Int
}
