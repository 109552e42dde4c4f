import MartletCompute

/// Vocabulary logits of selected rows.
struct LogitsHead {
  let projection: Linear
  let vocabulary: Int
  let softCap: Float

  init(_ loader: WeightLoader, embedding: Embedding) throws(ModelError) {
    let c = loader.configuration
    vocabulary = c.vocabularySize
    softCap = c.logitSoftCap
    projection =
      c.tiedEmbeddings
      ? Linear(segments: LinearSegments([.init(matrix: embedding.table, bias: nil)]))
      : try loader.linear([("lm_head", c.vocabularySize)], columns: c.hiddenSize, keepsType: true)
  }

  /// logits[count, vocabulary] of `count` hidden rows.
  func callAsFunction(
    _ hidden: ProjectionInput, count: Int, into logits: DeviceArray<Float>, _ batch: BatchLayout
  ) throws(KernelError) {
    try projection(hidden, into: Activation(logits), rows: count, batch)
    if softCap > 0 { try batch.device.softCap(logits, count: count * vocabulary, cap: softCap) }
  }
}
