package import Foundation

extension ModelConfiguration {
  /// Reads a `config.json`.
  package init(configJSON: Data, path: String) throws(CheckpointError) {
    let check = ConfigurationCheck(file: path)
    let raw: HuggingFaceConfiguration
    do { raw = try JSONDecoder().decode(HuggingFaceConfiguration.self, from: configJSON) } catch {
      throw check.fail("config.json", Self.reason(error))
    }
    let names = raw.architectures ?? []
    guard let architecture = names.lazy.compactMap(ModelArchitecture.init(className:)).first else {
      throw check.fail(
        "architectures", "is \(names)", remedy: "supported are \(ModelArchitecture.supportedNames)")
    }
    let hidden = try check.size(raw.hidden_size, "hidden_size", upTo: 1 << 20)
    let heads = try check.size(raw.num_attention_heads, "num_attention_heads", upTo: 1 << 14)
    let headDimension = try check.size(
      raw.head_dim ?? (architecture == .gemma3 ? 256 : hidden / heads), "head_dim", upTo: 4096)
    self.init(
      architecture: architecture, hiddenSize: hidden,
      layerCount: try check.size(raw.num_hidden_layers, "num_hidden_layers", upTo: 4096), headCount: heads,
      keyValueHeadCount: try check.size(raw.num_key_value_heads ?? heads, "num_key_value_heads", upTo: heads),
      headDimension: headDimension,
      intermediateSize: try check.size(raw.intermediate_size, "intermediate_size", upTo: 1 << 22),
      vocabularySize: try check.size(raw.vocab_size, "vocab_size", upTo: 1 << 24),
      contextLength: try check.size(raw.max_position_embeddings, "max_position_embeddings", upTo: 1 << 30),
      normEpsilon: Float(raw.rms_norm_eps ?? 1e-6), attentionScale: 1 / Float(headDimension).squareRoot())
    ropeBase = try check.positive(
      raw.rope_theta ?? raw.rope_parameters?.rope_theta ?? raw.rope_parameters?.full_attention?.rope_theta
        ?? (architecture == .gemma3 ? 1_000_000 : 10_000), "rope_theta")
    ropeScaling = try Self.scaling(raw, context: contextLength, check: check)
    tiedEmbeddings = raw.tie_word_embeddings ?? (architecture == .gemma3)
    try readActivation(raw, check: check)
    readWindows(raw)
    if architecture == .gemma3 {
      localRopeBase = raw.rope_local_base_freq ?? raw.rope_parameters?.sliding_attention?.rope_theta
      try applyGemma3(window: raw.sliding_window ?? 4096)
      normWeightOffset = 1
      attentionScale = 1 / Float(try check.positive(raw.query_pre_attn_scalar ?? 256, "query_pre_attn_scalar")).squareRoot()
      attentionSoftCap = Float(raw.attn_logit_softcapping ?? 0)
      logitSoftCap = Float(raw.final_logit_softcapping ?? 0)
    }
    try check.validate(self)
  }

  private mutating func readActivation(
    _ raw: HuggingFaceConfiguration, check: ConfigurationCheck
  ) throws(CheckpointError) {
    switch raw.hidden_activation ?? raw.hidden_act ?? "silu" {
    case "silu", "swish": activation = .silu
    case "gelu_pytorch_tanh", "gelu_new": activation = .geluTanh
    case let other: throw check.fail("hidden_act", "is \"\(other)\"", remedy: "silu and gelu_pytorch_tanh are supported")
    }
  }

  private mutating func readWindows(_ raw: HuggingFaceConfiguration) {
    if let types = raw.layer_types {
      slidingLayers = types.map { $0 == "sliding_attention" }
      slidingWindow = slidingLayers.contains(true) ? raw.sliding_window : nil
      return
    }
    switch architecture {
    case .llama: slidingWindow = raw.sliding_window
    case .qwen2, .qwen3:
      guard raw.use_sliding_window == true, let window = raw.sliding_window else { return }
      slidingWindow = window
      slidingLayers = (0..<layerCount).map { $0 >= raw.max_window_layers ?? 0 }
    case .gemma3:
      if let pattern = raw.sliding_window_pattern, pattern > 0 {
        slidingLayers = (0..<layerCount).map { ($0 + 1) % pattern != 0 }
      }
    }
  }

  private static func scaling(
    _ raw: HuggingFaceConfiguration, context: Int, check: ConfigurationCheck
  ) throws(CheckpointError) -> RopeScaling {
    if let nested = raw.rope_parameters?.full_attention {
      guard nested.rope_type == "linear" else { return .none }
      return .linear(factor: try check.positive(nested.factor ?? 1, "rope_parameters.factor"))
    }
    guard let rope = raw.rope_scaling ?? raw.rope_parameters else { return .none }
    let factor = try check.positive(rope.factor ?? 1, "rope_scaling.factor")
    let original = try check.positive(
      rope.original_max_position_embeddings ?? Double(context), "rope_scaling.original_max_position_embeddings")
    switch rope.rope_type ?? rope.type ?? "default" {
    case "default": return .none
    case "linear": return .linear(factor: factor)
    case "llama3":
      return .llama3(
        factor: factor, lowFrequencyFactor: try check.positive(rope.low_freq_factor ?? 1, "low_freq_factor"),
        highFrequencyFactor: try check.positive(rope.high_freq_factor ?? 4, "high_freq_factor"),
        originalContext: original)
    case "yarn":
      return .yarn(
        factor: factor, originalContext: original, betaFast: rope.beta_fast ?? 32, betaSlow: rope.beta_slow ?? 1,
        attentionFactor: rope.attention_factor)
    case let other:
      throw check.fail(
        "rope_scaling.rope_type", "is \"\(other)\"", remedy: "default, linear, llama3 and yarn are supported")
    }
  }

  private static func reason(_ error: any Error) -> String {
    switch error {
    case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
      "\(context.codingPath.map(\.stringValue).joined(separator: ".")) has the wrong type"
    default: "is not a JSON object"
    }
  }
}
