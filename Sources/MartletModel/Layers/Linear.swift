import MartletCompute

/// Matrices that share their input, run as one op: fused q, k and v, or gate and up.
struct Linear {
  let segments: LinearSegments
  var outputs: Int { segments.outputs }

  /// y[rows, outputs] = x[rows, columns] * w^T + bias
  func callAsFunction(
    _ input: ProjectionInput, into y: Activation, rows: Int, output: LinearOutput = .store, _ batch: BatchLayout
  ) throws(KernelError) {
    try batch.device.linear(
      input.x, norm: input.norm.map { ($0.weight, $0.epsilon) }, rows: rows, segments: segments, output: output,
      into: y, workspace: batch.workspace)
  }

  /// The branch of a block: where the device can, it is added to the residual at once.
  func addToResidual(_ x: Activation, _ batch: BatchLayout) throws(KernelError) {
    let isFused = batch.device.table.hasFusedOps
    try self(
      ProjectionInput(x: x, norm: nil), into: isFused ? batch.residual : batch.branch, rows: batch.rows,
      output: isFused ? .add : .store, batch)
  }
}
