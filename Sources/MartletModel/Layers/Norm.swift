import MartletCompute

/// RMS norm (Zhang and Sennrich, 2019).
struct Norm {
  let weight: DeviceArray<Float>
  let columns: Int
  let epsilon: Float

  /// y = norm(x)
  func callAsFunction(_ x: Activation, into y: Activation, _ batch: BatchLayout) throws(KernelError) {
    try run(x, residual: nil, into: y, mode: .plain, batch)
  }

  /// residual += x; y = norm(residual)
  func adding(_ x: Activation, to residual: Activation, into y: Activation, _ batch: BatchLayout) throws(KernelError) {
    try run(x, residual: residual, into: y, mode: .addFirst, batch)
  }

  /// residual += norm(x)
  func added(_ x: Activation, to residual: Activation, _ batch: BatchLayout) throws(KernelError) {
    try run(x, residual: residual, into: nil, mode: .addAfter, batch)
  }

  private func run(
    _ x: Activation, residual: Activation?, into y: Activation?, mode: Device.NormMode, _ batch: BatchLayout
  ) throws(KernelError) {
    try batch.device.norm(
      x, residual: residual, weight: weight, into: y, rows: batch.rows, columns: columns, mode: mode, epsilon: epsilon)
  }
}
