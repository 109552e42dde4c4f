import MartletCore

extension GGUFMetadata {
  /// The keys that describe a model's shape.
  mutating func add(_ c: ModelConfiguration) {
    let name = c.architecture.rawValue
    set("general.architecture", string: name)
    set("\(name).context_length", integer: c.contextLength)
    set("\(name).embedding_length", integer: c.hiddenSize)
    set("\(name).block_count", integer: c.layerCount)
    set("\(name).feed_forward_length", integer: c.intermediateSize)
    set("\(name).attention.head_count", integer: c.headCount)
    set("\(name).attention.head_count_kv", integer: c.keyValueHeadCount)
    set("\(name).attention.key_length", integer: c.headDimension)
    set("\(name).attention.value_length", integer: c.headDimension)
    set("\(name).attention.layer_norm_rms_epsilon", float: c.normEpsilon)
    set("\(name).rope.dimension_count", integer: c.headDimension)
    set("\(name).rope.freq_base", float: Float(c.ropeBase))
    set("\(name).vocab_size", integer: c.vocabularySize)
    if let window = c.slidingWindow { set("\(name).attention.sliding_window", integer: window) }
    if let pooling = c.pooling { set("\(name).pooling_type", integer: pooling == .mean ? 1 : 3) }
    switch c.ropeScaling {
    case .none, .llama3: break
    case .linear(let factor):
      set("\(name).rope.scaling.type", string: "linear")
      set("\(name).rope.scaling.factor", float: Float(factor))
    case .yarn(let factor, let original, _, _, let attentionFactor):
      set("\(name).rope.scaling.type", string: "yarn")
      set("\(name).rope.scaling.factor", float: Float(factor))
      set("\(name).rope.scaling.original_context_length", integer: Int(original))
      if let attentionFactor { set("\(name).rope.scaling.attn_factor", float: Float(attentionFactor)) }
    }
  }
}
