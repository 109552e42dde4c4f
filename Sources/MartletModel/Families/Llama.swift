import MartletCompute

/// Llama and everything of its shape: SmolLM2, Llama 2 and 3, Mistral; Qwen2 (q, k and v biases, which the loader finds
/// in the checkpoint); Qwen3 (norms on q and k heads).
struct LlamaBlock: TransformerBlock {
  let inputNorm: Norm
  let attention: Attention
  let postNorm: Norm
  let mlp: GatedMLP

  init(_ parts: FamilyParts, layer: Int, headNorms: Bool) throws(ModelError) {
    let prefix = "model.layers.\(layer)."
    let hidden = parts.loader.configuration.hiddenSize
    let inputNorm = try parts.loader.norm(prefix + "input_layernorm.weight", hidden)
    attention = try Attention(
      parts.loader, prefix: prefix + "self_attn.", layer: layer, rope: parts.globalRope, cache: parts.cache[layer],
      headNorms: headNorms)
    self.inputNorm = inputNorm.before(attention.qkv)
    postNorm = try parts.loader.norm(prefix + "post_attention_layernorm.weight", hidden)
    mlp = try GatedMLP(parts.loader, prefix: prefix + "mlp.")
  }

  /// h = x + attention(norm(x)); y = h + mlp(norm(h))
  func callAsFunction(
    _ input: ProjectionInput, nextNorm: Norm, _ batch: BatchLayout
  ) throws(KernelError) -> ProjectionInput {
    let middle = try attention(input, next: postNorm, batch)
    return try mlp(middle, next: nextNorm, batch)
  }
}
