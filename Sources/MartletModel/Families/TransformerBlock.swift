import MartletCompute

/// One layer of a decoder.
protocol TransformerBlock {
  /// Advances the residual stream by one layer: from this layer's normed input to `nextNorm` of the new residual.
  func callAsFunction(
    _ input: ProjectionInput, nextNorm: Norm, _ batch: BatchLayout
  ) throws(KernelError) -> ProjectionInput
  var inputNorm: Norm { get }
}
