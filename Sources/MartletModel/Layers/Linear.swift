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
      input.x, norm: input.norm.map { ($0.weight, $0.epsilon) }, deferred: input.deferred, rows: rows,
      segments: segments, output: output, into: y, workspace: batch.workspace)
  }

  /// The end of a branch: the residual becomes its sum with the projection of x.
  /// - Returns: `next` of the new residual, as projections take it.
  func addToResidual(_ x: Activation, next: Norm, _ batch: BatchLayout) throws(KernelError) -> ProjectionInput {
    guard batch.device.table.hasFusedOps else {
      try self(ProjectionInput(x), into: batch.branch, rows: batch.rows, batch)
      return try next.inputAfterBranch(batch)
    }
    guard let deferred = batch.deferredNorm, next.isDeferrable, segments.passesNorms else {
      try self(ProjectionInput(x), into: batch.residual, rows: batch.rows, output: .add, batch)
      return ProjectionInput(batch.residual, norm: next)
    }
    try batch.device.linear(
      x, norm: nil, rows: batch.rows, segments: segments, output: .add, into: batch.residual,
      next: (next.weight, deferred), workspace: batch.workspace)
    return ProjectionInput(deferred.rows, norm: next, deferred: deferred)
  }
}
