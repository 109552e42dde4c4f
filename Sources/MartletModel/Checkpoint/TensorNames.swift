/// GGUF tensor names of the Hugging Face names that the model families use.
enum TensorNames {
  private static let layer: [String: String] = [
    "input_layernorm.weight": "attn_norm.weight",
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm.weight": "attn_q_norm.weight", "self_attn.k_norm.weight": "attn_k_norm.weight",
    "post_attention_layernorm.weight": "ffn_norm.weight",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
  ]
  private static let gemma: [String: String] = [
    "post_attention_layernorm.weight": "post_attention_norm.weight",
    "pre_feedforward_layernorm.weight": "ffn_norm.weight",
    "post_feedforward_layernorm.weight": "post_ffw_norm.weight",
  ]

  static func gguf(_ name: String, architecture: ModelArchitecture) -> String {
    switch name {
    case "model.embed_tokens.weight": return "token_embd.weight"
    case "model.norm.weight": return "output_norm.weight"
    case "lm_head.weight": return "output.weight"
    default: break
    }
    let parts = name.split(separator: ".", maxSplits: 3)
    guard parts.count == 4, parts[0] == "model", parts[1] == "layers" else { return name }
    let rest = String(parts[3])
    if architecture == .gemma3, let mapped = gemma[rest] { return "blk.\(parts[2]).\(mapped)" }
    if let mapped = layer[rest] { return "blk.\(parts[2]).\(mapped)" }
    for suffix in [".weight", ".bias"] where rest.hasSuffix(suffix) {
      if let mapped = layer[String(rest.dropLast(suffix.count))] { return "blk.\(parts[2]).\(mapped)\(suffix)" }
    }
    return name
  }
}
