/// How q and k heads are normed and rotated, and where keys and values go.
package struct RopeInput {
  package let table: Activation
  package let half: Int
  /// The partner of dim i is i + 1, not i + half.
  package let pairs: Bool
  package let queryNorm: DeviceArray<Float>?
  package let keyNorm: DeviceArray<Float>?
  package let epsilon: Float
  /// Cache slot of each row.
  package let slots: DeviceArray<Int32>

  package init(
    table: Activation, half: Int, pairs: Bool, queryNorm: DeviceArray<Float>?, keyNorm: DeviceArray<Float>?,
    epsilon: Float, slots: DeviceArray<Int32>
  ) {
    self.table = table
    self.half = half
    self.pairs = pairs
    self.queryNorm = queryNorm
    self.keyNorm = keyNorm
    self.epsilon = epsilon
    self.slots = slots
  }
}
