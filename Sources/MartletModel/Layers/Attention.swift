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

  /// Attention of the input's rows, as `Linear.addToResidual` or, with `intoBranch`, in `batch.branch`.
  func callAsFunction(_ input: ProjectionInput, intoBranch: Bool = false, _ batch: BatchLayout) throws(KernelError) {
    let c = configuration
    try qkv(input, into: batch.qkv, rows: batch.rows, batch)
    let rotation = RopeInput(
      table: rope.table, half: rope.half, pairs: c.ropeStyle == .pairs, queryNorm: queryNorm?.weight,
      keyNorm: keyNorm?.weight, epsilon: c.normEpsilon, slots: batch.inputs.cacheSlots.device)
    try batch.device.attention(
      batch.qkv, layout: HeadLayout(heads: c.headCount, stride: qkv.outputs), rope: rotation, into: batch.heads,
      rows: batch.rows, sequences: batch.inputs.sequences, cache: cache, scale: c.attentionScale,
      softCap: c.attentionSoftCap, window: window, workspace: batch.workspace)
    if intoBranch {
      try output(ProjectionInput(x: batch.heads, norm: nil), into: batch.branch, rows: batch.rows, batch)
    } else {
      try output.addToResidual(batch.heads, batch)
    }
  }
}
