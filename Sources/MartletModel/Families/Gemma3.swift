import MartletCompute

/// Gemma 3 (text): norms before and after each branch, norms on q and k heads, five sliding layers to one global with
/// their own rotary base.
struct Gemma3Block: TransformerBlock {
  let inputNorm: Norm
  let attention: Attention
  let postAttentionNorm: Norm
  let preMLPNorm: Norm
  let mlp: GatedMLP
  let postMLPNorm: Norm

  init(_ parts: FamilyParts, layer: Int) throws(ModelError) {
    let prefix = "model.layers.\(layer)."
    let configuration = parts.loader.configuration
    let hidden = configuration.hiddenSize
    inputNorm = try parts.loader.norm(prefix + "input_layernorm.weight", hidden)
    attention = try Attention(
      parts.loader, prefix: prefix + "self_attn.", layer: layer,
      rope: configuration.isSliding(layer: layer) ? parts.localRope : parts.globalRope, cache: parts.cache[layer],
      headNorms: true)
    postAttentionNorm = try parts.loader.norm(prefix + "post_attention_layernorm.weight", hidden)
    preMLPNorm = try parts.loader.norm(prefix + "pre_feedforward_layernorm.weight", hidden)
    mlp = try GatedMLP(parts.loader, prefix: prefix + "mlp.")
    postMLPNorm = try parts.loader.norm(prefix + "post_feedforward_layernorm.weight", hidden)
  }

  /// h = x + norm(attention(norm(x))); y = h + norm(mlp(norm(h)))
  func callAsFunction(
    _ input: ProjectionInput, nextNorm: Norm, _ batch: BatchLayout
  ) throws(KernelError) -> ProjectionInput {
    try attention.intoBranch(input, batch)
    try postAttentionNorm.addBranch(batch)
    try mlp.intoBranch(try preMLPNorm.input(batch), batch)
    try postMLPNorm.addBranch(batch)
    return try nextNorm.input(batch)
  }
}
