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
    try head(ProjectionInput(batch.logitHidden, norm: hidden.norm), count: count, into: logits, batch)
  }

  /// The final hidden states [count, hidden size] of the rows that `indices` names, on the host. Waits for the device.
  func hiddenStates(
    of hidden: ProjectionInput, indices: DeviceArray<Int32>, count: Int, _ batch: BatchLayout
  ) throws(KernelError) -> [Float] {
    let columns = finalNorm.columns
    try batch.device.gather(
      hidden.x, rows: batch.rows, columns: columns, indices: indices, count: count, into: batch.logitHidden)
    guard let norm = hidden.norm else { return try batch.device.download(batch.logitHidden, count: count * columns) }
    try norm(batch.logitHidden, count: count, into: batch.hiddenStates, on: batch.device)
    return try batch.device.download(batch.hiddenStates, count: count * columns)
  }
}
