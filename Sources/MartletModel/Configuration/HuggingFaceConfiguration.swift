/// The fields of a Hugging Face `config.json` that matter here, as they are written.
struct HuggingFaceConfiguration: Decodable {
  struct Rope: Decodable {
    var type: String?
    var ropeType: String?
    var ropeTheta: Double?
    var factor: Double?
    var lowFreqFactor: Double?
    var highFreqFactor: Double?
    var originalMaxPositionEmbeddings: Double?
    var betaFast: Double?
    var betaSlow: Double?
    var attentionFactor: Double?
    /// Parameters by layer type (Gemma 3 in newer files).
    var fullAttention: Nested?
    var slidingAttention: Nested?

    struct Nested: Decodable {
      var ropeType: String?
      var ropeTheta: Double?
      var factor: Double?
    }
  }

  var architectures: [String]?
  var hiddenSize: Int?
  var numHiddenLayers: Int?
  var numAttentionHeads: Int?
  var numKeyValueHeads: Int?
  var headDim: Int?
  var intermediateSize: Int?
  var vocabSize: Int?
  var maxPositionEmbeddings: Int?
  var rmsNormEps: Double?
  var ropeTheta: Double?
  var ropeLocalBaseFreq: Double?
  var ropeScaling: Rope?
  var ropeParameters: Rope?
  var slidingWindow: Int?
  var useSlidingWindow: Bool?
  var maxWindowLayers: Int?
  var slidingWindowPattern: Int?
  var layerTypes: [String]?
  var tieWordEmbeddings: Bool?
  var hiddenAct: String?
  var hiddenActivation: String?
  var queryPreAttnScalar: Double?
  var attnLogitSoftcapping: Double?
  var finalLogitSoftcapping: Double?
  var torchDtype: String?
  var dtype: String?
}
