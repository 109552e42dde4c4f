/// Bounds that every configuration must keep, whichever file it was read from.
struct ConfigurationCheck {
  let file: String

  func fail(_ field: String, _ problem: String, remedy: String = "correct the model's configuration") -> CheckpointError
  {
    CheckpointError(file: file, field: field, problem: problem, remedy: remedy)
  }

  func size(_ value: Int?, _ field: String, upTo limit: Int) throws(CheckpointError) -> Int {
    guard let value else { throw fail(field, "is missing") }
    guard (1...limit).contains(value) else { throw fail(field, "is \(value); 1 to \(limit) is allowed") }
    return value
  }

  func positive(_ value: Double, _ field: String) throws(CheckpointError) -> Double {
    guard value.isFinite, value > 0 else { throw fail(field, "is \(value); it must be positive") }
    return value
  }

  func validate(_ configuration: ModelConfiguration) throws(CheckpointError) {
    let c = configuration
    guard c.headCount % c.keyValueHeadCount == 0 else {
      throw fail("num_key_value_heads", "\(c.keyValueHeadCount) does not divide the \(c.headCount) attention heads")
    }
    // The kernels' own bounds: what they would refuse in every step is refused before it is loaded.
    guard c.headDimension % 8 == 0, c.headDimension <= 512 else {
      throw fail("head_dim", "is \(c.headDimension); it must be a multiple of 8 up to 512")
    }
    guard c.vocabularySize <= 1 << 21 else {
      throw fail("vocab_size", "is \(c.vocabularySize); up to \(1 << 21) tokens are supported")
    }
    guard c.normEpsilon.isFinite, c.normEpsilon > 0, c.normEpsilon < 1 else {
      throw fail("rms_norm_eps", "is \(c.normEpsilon); it must lie between 0 and 1")
    }
    guard c.slidingLayers.isEmpty || c.slidingLayers.count == c.layerCount else {
      throw fail("layer_types", "has \(c.slidingLayers.count) entries for \(c.layerCount) layers")
    }
    if let window = c.slidingWindow, window < 1 { throw fail("sliding_window", "is \(window)") }
    guard c.attentionScale.isFinite, c.attentionScale > 0 else {
      throw fail("query_pre_attn_scalar", "gives the attention scale \(c.attentionScale)")
    }
  }
}
