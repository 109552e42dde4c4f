import MartletCompute

/// The one table from an architecture to its blocks.
enum ModelCatalog {
  static func blocks(_ parts: FamilyParts) throws(ModelError) -> [any TransformerBlock] {
    let configuration = parts.loader.configuration
    var blocks: [any TransformerBlock] = []
    for layer in 0..<configuration.layerCount {
      switch configuration.architecture {
      case .llama, .qwen2: blocks.append(try LlamaBlock(parts, layer: layer, headNorms: false))
      case .qwen3: blocks.append(try LlamaBlock(parts, layer: layer, headNorms: true))
      case .gemma3: blocks.append(try Gemma3Block(parts, layer: layer))
      }
    }
    return blocks
  }

  static func model(
    _ loader: WeightLoader, cache: [KVLayer], maxRows: Int
  ) throws(ModelError) -> DecoderModel {
    let c = loader.configuration
    let factors =
      loader.checkpoint.has("rope_freqs.weight") ? try loader.hostVector("rope_freqs.weight", c.headDimension / 2) : nil
    let global: RotaryEmbedding, local: RotaryEmbedding
    do throws(KernelError) {
      global = try RotaryEmbedding(
        device: loader.device, headDimension: c.headDimension, base: c.ropeBase, scaling: c.ropeScaling,
        factors: factors, maxRows: maxRows)
      local =
        try c.localRopeBase.map { base throws(KernelError) in
          try RotaryEmbedding(
            device: loader.device, headDimension: c.headDimension, base: base, scaling: .none, factors: nil,
            maxRows: maxRows)
        } ?? global
    } catch { throw .kernel(error) }
    let embedding = try Embedding(loader)
    let parts = FamilyParts(loader: loader, globalRope: global, localRope: local, cache: cache)
    return DecoderModel(
      embedding: embedding, blocks: try blocks(parts), finalNorm: try loader.norm("model.norm.weight", c.hiddenSize),
      head: try LogitsHead(loader, embedding: embedding), ropes: c.localRopeBase == nil ? [global] : [global, local])
  }
}
