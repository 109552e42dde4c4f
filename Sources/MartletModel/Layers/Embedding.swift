import MartletCompute

/// Token embeddings, and the logits head when it shares their matrix.
struct Embedding {
  let table: Matrix
  let scale: Float

  init(_ loader: WeightLoader) throws(ModelError) {
    let c = loader.configuration
    table = try loader.matrix("model.embed_tokens.weight", c.vocabularySize, c.hiddenSize)
    scale = c.embeddingScale
  }

  func callAsFunction(into y: Activation, _ batch: BatchLayout) throws(KernelError) {
    try batch.device.embedding(table, ids: batch.inputs.ids.device, rows: batch.rows, scale: scale, into: y)
  }
}
