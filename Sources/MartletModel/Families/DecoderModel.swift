import MartletCompute

/// A decoder-only transformer: embedding, blocks, final norm, logits head.
struct DecoderModel {
  let embedding: Embedding
  let blocks: [any TransformerBlock]
  let finalNorm: Norm
  let head: LogitsHead
  let ropes: [RotaryEmbedding]

  /// The batch's final hidden rows, as the logits head takes them.
  func callAsFunction(_ batch: BatchLayout) throws(KernelError) -> ProjectionInput {
    for rope in ropes { try rope.prepare(batch) }
    try embedding(into: batch.residual, batch)
    var input = try (blocks.first?.inputNorm ?? finalNorm).input(batch)
    for (index, block) in blocks.enumerated() {
      let next = index + 1 < blocks.count ? blocks[index + 1].inputNorm : finalNorm
      input = try block(input, nextNorm: next, batch)
    }
    return input
  }

  /// logits[count, vocabulary] of the hidden rows that `indices` names; nil: of the first `count`.
  func logits(
    of hidden: ProjectionInput, indices: DeviceArray<Int32>?, count: Int, into logits: DeviceArray<Float>,
    _ batch: BatchLayout
  ) throws(KernelError) {
    guard let indices else { return try head(hidden, count: count, into: logits, batch) }
    try batch.device.gather(
      hidden.x, rows: batch.rows, columns: finalNorm.columns, indices: indices, count: count, into: batch.logitHidden)
    try head(ProjectionInput(x: batch.logitHidden, norm: hidden.norm), count: count, into: logits, batch)
  }
}
