import MartletCompute

/// One layer of a decoder.
protocol TransformerBlock {
  /// Advances the residual stream by one layer. On entry `batch.normed` holds the normed input of this layer; on exit it
  /// holds `nextNorm` of the new residual.
  func callAsFunction(nextNorm: Norm, _ batch: BatchLayout) throws(KernelError)
  var inputNorm: Norm { get }
}
