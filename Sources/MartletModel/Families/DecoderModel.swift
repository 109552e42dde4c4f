import MartletCompute

/// A decoder-only transformer: embedding, blocks, final norm, logits head.
struct DecoderModel {
  let embedding: Embedding
  let blocks: [any TransformerBlock]
  let finalNorm: Norm
  let head: LogitsHead
  let ropes: [RotaryEmbedding]

  /// The final hidden rows of the batch, in `batch.normed`.
  func callAsFunction(_ batch: BatchLayout) throws(KernelError) {
    for rope in ropes { try rope.prepare(batch) }
    try embedding(into: batch.residual, batch)
    try (blocks.first?.inputNorm ?? finalNorm)(batch.residual, into: batch.normed, batch)
    for (index, block) in blocks.enumerated() {
      let next = index + 1 < blocks.count ? blocks[index + 1].inputNorm : finalNorm
      try block(nextNorm: next, batch)
    }
  }
}
