import MartletCompute

/// Matrices that share their input, run as one op: fused q, k and v, or gate and up.
struct Linear {
  let segments: LinearSegments
  var outputs: Int { segments.outputs }

  /// y[rows, outputs] = x[rows, columns] * w^T + bias
  func callAsFunction(_ x: Activation, into y: Activation, rows: Int, _ batch: BatchLayout) throws(KernelError) {
    try batch.device.linear(x, rows: rows, segments: segments, into: y, workspace: batch.workspace)
  }
}
