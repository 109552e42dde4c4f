import MartletCore

extension ModelConfiguration {
  /// Reads the `<architecture>.*` keys of a GGUF file.
  package init(gguf: GGUFFile) throws(CheckpointError) {
    let check = ConfigurationCheck(file: gguf.file.path)
    let name = try gguf.string("general.architecture") ?? ""
    guard let architecture = ModelArchitecture(rawValue: name) else {
      throw check.fail(
        "general.architecture", "is \"\(name)\"", remedy: "supported are \(ModelArchitecture.supportedNames)")
    }
    func key(_ suffix: String) -> String { "\(name).\(suffix)" }
    func integer(_ suffix: String) throws(CheckpointError) -> Int? { try gguf.integer(key(suffix)) }
    func size(_ suffix: String, upTo limit: Int) throws(CheckpointError) -> Int {
      try check.size(try integer(suffix), key(suffix), upTo: limit)
    }
    let hidden = try size("embedding_length", upTo: 1 << 20)
    let heads = try size("attention.head_count", upTo: 1 << 14)
    let keyValueHeads = try check.size(
      try integer("attention.head_count_kv") ?? heads, key("attention.head_count_kv"), upTo: heads)
    let headDimension = try check.size(
      try integer("attention.key_length") ?? hidden / heads, key("attention.key_length"), upTo: 4096)
    guard let embedding = gguf.tensors["token_embd.weight"] else {
      throw check.fail("token_embd.weight", "is missing", remedy: "fetch the file again")
    }
    self.init(
      architecture: architecture, hiddenSize: hidden, layerCount: try size("block_count", upTo: 4096), headCount: heads,
      keyValueHeadCount: keyValueHeads, headDimension: headDimension,
      intermediateSize: try size("feed_forward_length", upTo: 1 << 22), vocabularySize: embedding.rows,
      contextLength: try size("context_length", upTo: 1 << 30),
      normEpsilon: Float(try gguf.double(key("attention.layer_norm_rms_epsilon")) ?? 1e-6),
      attentionScale: 1 / Float(headDimension).squareRoot())
    if let rotated = try integer("rope.dimension_count"), rotated != headDimension {
      throw check.fail(key("rope.dimension_count"), "is \(rotated), not the head dimension \(headDimension)")
    }
    ropeBase = try check.positive(
      try gguf.double(key("rope.freq_base")) ?? (architecture == .gemma3 ? 1_000_000 : 10_000), key("rope.freq_base"))
    ropeScaling = try Self.scaling(gguf, key: key, check: check)
    ropeStyle = architecture == .llama ? .pairs : .halves
    tiedEmbeddings = gguf.tensors["output.weight"] == nil
    if architecture == .gemma3 {
      try applyGemma3(window: try integer("attention.sliding_window") ?? 1024)
      // The files do not say it: the 27B model, told by its depth, scales by hidden size over heads.
      if layerCount == 62 { attentionScale = 1 / (Float(hidden) / Float(heads)).squareRoot() }
    } else if architecture == .llama, let window = try integer("attention.sliding_window"), window > 0 {
      slidingWindow = window
    }
    // llama.cpp's numbers: 1 is the mean, 3 the last token; others are of encoders.
    pooling = try integer("pooling_type").flatMap { [1: Pooling.mean, 3: .last][$0] }
    try check.validate(self)
  }

  private static func scaling(
    _ gguf: GGUFFile, key: (String) -> String, check: ConfigurationCheck
  ) throws(CheckpointError) -> RopeScaling {
    let factor = try gguf.double(key("rope.scaling.factor"))
    switch try gguf.string(key("rope.scaling.type")) ?? "none" {
    case "none": return .none
    case "linear": return .linear(factor: try check.positive(factor ?? 1, key("rope.scaling.factor")))
    case "yarn":
      let original = try gguf.double(key("rope.scaling.original_context_length"))
      return .yarn(
        factor: try check.positive(factor ?? 1, key("rope.scaling.factor")),
        originalContext: try check.positive(original ?? 0, key("rope.scaling.original_context_length")), betaFast: 32,
        betaSlow: 1, attentionFactor: try gguf.double(key("rope.scaling.attn_factor")))
    case let other:
      throw check.fail(key("rope.scaling.type"), "is \"\(other)\"", remedy: "none, linear and yarn are supported")
    }
  }

  /// Gemma 3: five sliding layers to one global, tanh GELU, scaled embeddings.
  mutating func applyGemma3(window: Int) throws(CheckpointError) {
    slidingWindow = window
    if slidingLayers.isEmpty { slidingLayers = (0..<layerCount).map { $0 % 6 != 5 } }
    localRopeBase = localRopeBase ?? 10_000
    activation = .geluTanh
    embeddingScale = Float(hiddenSize).squareRoot()
  }
}
