import MartletCompute

/// Grouped-query self-attention over the paged cache.
struct Attention {
  let qkv: Linear
  let output: Linear
  let queryNorm: Norm?
  let keyNorm: Norm?
  let rope: RotaryEmbedding
  let cache: KVLayer
  /// 0: sees everything before it.
  let window: Int
  let configuration: ModelConfiguration

  init(
    _ loader: WeightLoader, prefix: String, layer: Int, rope: RotaryEmbedding, cache: KVLayer, headNorms: Bool
  ) throws(ModelError) {
    let c = loader.configuration
    configuration = c
    let query = c.headCount * c.headDimension, keyValue = c.keyValueHeadCount * c.headDimension
    qkv = try loader.linear(
      [(prefix + "q_proj", query), (prefix + "k_proj", keyValue), (prefix + "v_proj", keyValue)], columns: c.hiddenSize)
    output = try loader.linear([(prefix + "o_proj", c.hiddenSize)], columns: query)
    queryNorm = headNorms ? try loader.norm(prefix + "q_norm.weight", c.headDimension) : nil
    keyNorm = headNorms ? try loader.norm(prefix + "k_norm.weight", c.headDimension) : nil
    self.rope = rope
    self.cache = cache
    window = c.window(layer: layer)
  }

  /// As `Linear.addToResidual`.
  func callAsFunction(
    _ input: ProjectionInput, next: Norm, _ batch: BatchLayout
  ) throws(KernelError) -> ProjectionInput {
    try attend(input, batch)
    return try output.addToResidual(batch.heads, next: next, batch)
  }

  /// The branch of the input's rows in `batch.branch`.
  func intoBranch(_ input: ProjectionInput, _ batch: BatchLayout) throws(KernelError) {
    try attend(input, batch)
    try output(ProjectionInput(batch.heads), into: batch.branch, rows: batch.rows, batch)
  }

  private func attend(_ input: ProjectionInput, _ batch: BatchLayout) throws(KernelError) {
    let c = configuration
    try qkv(input, into: batch.qkv, rows: batch.rows, batch)
    let rotation = RopeInput(
      table: rope.table, half: rope.half, pairs: c.ropeStyle == .pairs, queryNorm: queryNorm?.weight,
      keyNorm: keyNorm?.weight, epsilon: c.normEpsilon, slots: batch.inputs.cacheSlots.device)
    try batch.device.attention(
      batch.qkv, layout: HeadLayout(heads: c.headCount, stride: qkv.outputs), rope: rotation, into: batch.heads,
      rows: batch.rows, sequences: batch.inputs.sequences, cache: cache, scale: c.attentionScale,
      softCap: c.attentionSoftCap, window: window, workspace: batch.workspace)
  }
}
