import MartletCompute

/// RMS norm (Zhang and Sennrich, 2019). Devices with fused products norm what a projection reads on its way in, and add
/// to the residual what a projection makes: there, the norms before projections are no ops of their own.
struct Norm {
  let weight: DeviceArray<Float>
  let columns: Int
  let epsilon: Float

  /// The normed residual.
  func input(_ batch: BatchLayout) throws(KernelError) -> ProjectionInput {
    if batch.device.table.hasFusedOps { return ProjectionInput(x: batch.residual, norm: self) }
    try run(batch.residual, residual: nil, into: batch.normed, mode: .plain, batch)
    return ProjectionInput(x: batch.normed, norm: nil)
  }

  /// residual += branch, unless the projection that made the branch has added it; then the normed residual.
  func inputAfterBranch(_ batch: BatchLayout) throws(KernelError) -> ProjectionInput {
    if batch.device.table.hasFusedOps { return ProjectionInput(x: batch.residual, norm: self) }
    try run(batch.branch, residual: batch.residual, into: batch.normed, mode: .addFirst, batch)
    return ProjectionInput(x: batch.normed, norm: nil)
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
