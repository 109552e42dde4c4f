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

  func callAsFunction(_ x: Activation, into y: Activation, _ batch: BatchLayout) throws(KernelError) {
    try gateUp(x, into: batch.wide, rows: batch.rows, batch)
    try batch.device.gated(
      batch.wide, into: batch.gated, rows: batch.rows, width: width, activation: activation == .silu ? .silu : .geluTanh
    )
    try down(batch.gated, into: y, rows: batch.rows, batch)
  }
}
