package import Foundation

extension ModelConfiguration {
  /// Reads a `config.json`.
  package init(configJSON: Data, path: String) throws(CheckpointError) {
    let check = ConfigurationCheck(file: path)
    let raw: HuggingFaceConfiguration
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    do { raw = try decoder.decode(HuggingFaceConfiguration.self, from: configJSON) } catch {
      throw check.fail("config.json", Self.reason(error))
    }
    let names = raw.architectures ?? []
    guard let architecture = names.lazy.compactMap(ModelArchitecture.init(className:)).first else {
      throw check.fail(
        "architectures", "is \(names)", remedy: "supported are \(ModelArchitecture.supportedNames)")
    }
    let hidden = try check.size(raw.hiddenSize, "hidden_size", upTo: 1 << 20)
    let heads = try check.size(raw.numAttentionHeads, "num_attention_heads", upTo: 1 << 14)
    let headDimension = try check.size(
      raw.headDim ?? (architecture == .gemma3 ? 256 : hidden / heads), "head_dim", upTo: 4096)
    self.init(
      architecture: architecture, hiddenSize: hidden,
      layerCount: try check.size(raw.numHiddenLayers, "num_hidden_layers", upTo: 4096), headCount: heads,
      keyValueHeadCount: try check.size(raw.numKeyValueHeads ?? heads, "num_key_value_heads", upTo: heads),
      headDimension: headDimension,
      intermediateSize: try check.size(raw.intermediateSize, "intermediate_size", upTo: 1 << 22),
      vocabularySize: try check.size(raw.vocabSize, "vocab_size", upTo: 1 << 24),
      contextLength: try check.size(raw.maxPositionEmbeddings, "max_position_embeddings", upTo: 1 << 30),
      normEpsilon: Float(raw.rmsNormEps ?? 1e-6), attentionScale: 1 / Float(headDimension).squareRoot())
    ropeBase = try check.positive(
      raw.ropeTheta ?? raw.ropeParameters?.ropeTheta ?? raw.ropeParameters?.fullAttention?.ropeTheta
        ?? (architecture == .gemma3 ? 1_000_000 : 10_000), "rope_theta")
    ropeScaling = try Self.scaling(raw, context: contextLength, check: check)
    tiedEmbeddings = raw.tieWordEmbeddings ?? (architecture == .gemma3)
    try readActivation(raw, check: check)
    readWindows(raw)
    if architecture == .gemma3 {
      localRopeBase = raw.ropeLocalBaseFreq ?? raw.ropeParameters?.slidingAttention?.ropeTheta
      try applyGemma3(window: raw.slidingWindow ?? 4096)
      normWeightOffset = 1
      attentionScale =
        1 / Float(try check.positive(raw.queryPreAttnScalar ?? 256, "query_pre_attn_scalar")).squareRoot()
      attentionSoftCap = Float(raw.attnLogitSoftcapping ?? 0)
      logitSoftCap = Float(raw.finalLogitSoftcapping ?? 0)
    }
    try check.validate(self)
  }

  private mutating func readActivation(
    _ raw: HuggingFaceConfiguration, check: ConfigurationCheck
  ) throws(CheckpointError) {
    switch raw.hiddenActivation ?? raw.hiddenAct ?? "silu" {
    case "silu", "swish": activation = .silu
    case "gelu_pytorch_tanh", "gelu_new": activation = .geluTanh
    case let other:
      throw check.fail("hidden_act", "is \"\(other)\"", remedy: "silu and gelu_pytorch_tanh are supported")
    }
  }

  private mutating func readWindows(_ raw: HuggingFaceConfiguration) {
    if let types = raw.layerTypes {
      slidingLayers = types.map { $0 == "sliding_attention" }
      slidingWindow = slidingLayers.contains(true) ? raw.slidingWindow : nil
      return
    }
    switch architecture {
    case .llama: slidingWindow = raw.slidingWindow
    case .qwen2, .qwen3:
      guard raw.useSlidingWindow == true, let window = raw.slidingWindow else { return }
      slidingWindow = window
      slidingLayers = (0..<layerCount).map { $0 >= raw.maxWindowLayers ?? 0 }
    case .gemma3:
      if let pattern = raw.slidingWindowPattern, pattern > 0 {
        slidingLayers = (0..<layerCount).map { ($0 + 1) % pattern != 0 }
      }
    }
  }

  private static func scaling(
    _ raw: HuggingFaceConfiguration, context: Int, check: ConfigurationCheck
  ) throws(CheckpointError) -> RopeScaling {
    if let nested = raw.ropeParameters?.fullAttention {
      guard nested.ropeType == "linear" else { return .none }
      return .linear(factor: try check.positive(nested.factor ?? 1, "rope_parameters.factor"))
    }
    guard let rope = raw.ropeScaling ?? raw.ropeParameters else { return .none }
    let factor = try check.positive(rope.factor ?? 1, "rope_scaling.factor")
    let original = try check.positive(
      rope.originalMaxPositionEmbeddings ?? Double(context), "rope_scaling.original_max_position_embeddings")
    switch rope.ropeType ?? rope.type ?? "default" {
    case "default": return .none
    case "linear": return .linear(factor: factor)
    case "llama3":
      return .llama3(
        factor: factor, lowFrequencyFactor: try check.positive(rope.lowFreqFactor ?? 1, "low_freq_factor"),
        highFrequencyFactor: try check.positive(rope.highFreqFactor ?? 4, "high_freq_factor"),
        originalContext: original)
    case "yarn":
      return .yarn(
        factor: factor, originalContext: original, betaFast: rope.betaFast ?? 32, betaSlow: rope.betaSlow ?? 1,
        attentionFactor: rope.attentionFactor)
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
