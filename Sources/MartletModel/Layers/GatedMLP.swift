import MartletCompute

/// Gated feed-forward network: down(activation(gate(x)) * up(x)).
struct GatedMLP {
  let gateUp: Linear
  let down: Linear
  let width: Int
  let activation: ModelConfiguration.Activation

  init(_ loader: WeightLoader, prefix: String) throws(ModelError) {
    let c = loader.configuration
    width = c.intermediateSize
    activation = c.activation
    gateUp = try loader.linear([(prefix + "gate_proj", width), (prefix + "up_proj", width)], columns: c.hiddenSize)
    down = try loader.linear([(prefix + "down_proj", c.hiddenSize)], columns: width)
  }

  /// As `Linear.addToResidual`.
  func callAsFunction(
    _ input: ProjectionInput, next: Norm, _ batch: BatchLayout
  ) throws(KernelError) -> ProjectionInput {
    try gate(input, batch)
    return try down.addToResidual(batch.gated, next: next, batch)
  }

  /// The branch of the input's rows in `batch.branch`.
  func intoBranch(_ input: ProjectionInput, _ batch: BatchLayout) throws(KernelError) {
    try gate(input, batch)
    try down(ProjectionInput(batch.gated), into: batch.branch, rows: batch.rows, batch)
  }

  private func gate(_ input: ProjectionInput, _ batch: BatchLayout) throws(KernelError) {
    if batch.device.table.hasFusedOps {
      try gateUp(
        input, into: batch.gated, rows: batch.rows, output: activation == .silu ? .silu : .geluTanh, batch)
    } else {
      try gateUp(input, into: batch.gateUp, rows: batch.rows, batch)
      try batch.device.gated(
        batch.gateUp, into: batch.gated, rows: batch.rows, width: width,
        activation: activation == .silu ? .silu : .geluTanh)
    }
  }
}
