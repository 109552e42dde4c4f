package import MartletCore

/// The shape and the constants of a model, whichever files it came from. Always consistent: made by the readers, which
/// check every value.
package struct ModelConfiguration: Sendable, Equatable {
  package enum Activation: Sendable { case silu, geluTanh }
  /// Which dims rotate together: i and i + half (Hugging Face), or 2i and 2i + 1 (GGUF's permuted llama).
  package enum RopeStyle: Sendable { case halves, pairs }

  package var architecture: ModelArchitecture
  package var hiddenSize: Int
  package var layerCount: Int
  package var headCount: Int
  package var keyValueHeadCount: Int
  package var headDimension: Int
  package var intermediateSize: Int
  package var vocabularySize: Int
  package var contextLength: Int
  package var normEpsilon: Float

  package var ropeBase: Double = 10_000
  /// Base of the sliding-window layers where it differs (Gemma 3).
  package var localRopeBase: Double?
  package var ropeScaling = RopeScaling.none
  package var ropeStyle = RopeStyle.halves

  /// Tokens that a sliding layer sees, itself included.
  package var slidingWindow: Int?
  /// Layers that slide; empty with a window: all of them.
  package var slidingLayers: [Bool] = []

  package var attentionScale: Float
  package var attentionSoftCap: Float = 0
  package var logitSoftCap: Float = 0
  package var activation = Activation.silu
  package var tiedEmbeddings = false
  package var embeddingScale: Float = 1
  /// How the model was trained to make embeddings; nil: it does not say.
  package var pooling: Pooling?
  /// Added to every norm weight: 1 where the checkpoint stores w of (1 + w).
  package var normWeightOffset: Float = 0

  package func isSliding(layer: Int) -> Bool {
    slidingWindow != nil && (slidingLayers.isEmpty || slidingLayers[layer])
  }

  /// 0: the layer sees everything before it.
  package func window(layer: Int) -> Int { isSliding(layer: layer) ? slidingWindow ?? 0 : 0 }

  /// Bytes-free size of one token's keys and values over all layers, in elements.
  package var keyValueElementsPerToken: Int { 2 * layerCount * keyValueHeadCount * headDimension }
}
