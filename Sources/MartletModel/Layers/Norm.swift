import MartletCompute

/// RMS norm (Zhang and Sennrich, 2019). Devices with fused products norm what a projection reads on its way in, and add
/// to the residual what a projection makes: there, the norms before projections are no ops of their own.
struct Norm {
  let weight: DeviceArray<Float>
  let columns: Int
  let epsilon: Float
  /// Whether only a projection reads it that can do a part of it.
  private(set) var isDeferrable = false

  init(weight: DeviceArray<Float>, columns: Int, epsilon: Float) {
    self.weight = weight
    self.columns = columns
    self.epsilon = epsilon
  }

  /// This norm, as one that nothing but `projection` reads.
  func before(_ projection: Linear) -> Norm {
    var norm = self
    norm.isDeferrable = projection.segments.passesNorms
    return norm
  }

  /// The normed residual.
  func input(_ batch: BatchLayout) throws(KernelError) -> ProjectionInput {
    if batch.device.table.hasFusedOps { return ProjectionInput(batch.residual, norm: self) }
    try run(batch.residual, residual: nil, into: batch.normed, mode: .plain, batch)
    return ProjectionInput(batch.normed)
  }

  /// residual += branch, then the normed residual.
  func inputAfterBranch(_ batch: BatchLayout) throws(KernelError) -> ProjectionInput {
    try run(batch.branch, residual: batch.residual, into: batch.normed, mode: .addFirst, batch)
    return ProjectionInput(batch.normed)
  }

  /// residual += norm(branch)
  func addBranch(_ batch: BatchLayout) throws(KernelError) {
    try run(batch.branch, residual: batch.residual, into: nil, mode: .addAfter, batch)
  }

  /// `count` rows that were gathered from the residual.
  func callAsFunction(
    _ x: Activation, count: Int, into y: Activation, on device: Device
  ) throws(KernelError) {
    try device.norm(
      x, residual: nil, weight: weight, into: y, rows: count, columns: columns, mode: .plain, epsilon: epsilon)
  }

  private func run(
    _ x: Activation, residual: Activation?, into y: Activation?, mode: Device.NormMode, _ batch: BatchLayout
  ) throws(KernelError) {
    try batch.device.norm(
      x, residual: residual, weight: weight, into: y, rows: batch.rows, columns: columns, mode: mode, epsilon: epsilon)
  }
}
