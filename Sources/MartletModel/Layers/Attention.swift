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

  /// y = attention(x), both [rows, hidden].
  func callAsFunction(_ x: Activation, into y: Activation, _ batch: BatchLayout) throws(KernelError) {
    let c = configuration, device = batch.device
    let layout = HeadLayout(heads: c.headCount, stride: qkv.outputs)
    try qkv(x, into: batch.wide, rows: batch.rows, batch)
    try device.ropeAndStore(
      batch.wide, layout: layout, rows: batch.rows, table: rope.table, half: rope.half, pairs: c.ropeStyle == .pairs,
      queryNorm: queryNorm?.weight, keyNorm: keyNorm?.weight, epsilon: c.normEpsilon, slots: batch.slots, cache: cache)
    try device.attention(
      batch.wide, layout: layout, into: batch.heads, sequences: batch.sequences, cache: cache, scale: c.attentionScale,
      softCap: c.attentionSoftCap, window: window, workspace: batch.workspace)
    try output(batch.heads, into: y, rows: batch.rows, batch)
  }
}
