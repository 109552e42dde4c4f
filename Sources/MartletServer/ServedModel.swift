package import MartletCore
package import MartletText

/// The model behind a server, with everything that routes report about it.
package struct ServedModel: Sendable {
  /// Sampling values that a request without its own gets (from `generation_config.json`).
  package struct Defaults: Sendable {
    package var temperature: Double?
    package var topP: Double?
    package var topK: Int?
    package var minP: Double?
    package var repetitionPenalty: Double?
    package init() {}
  }

  /// How prompts become embeddings.
  package struct Embeddings: Sendable {
    package let pooling: Pooling
    /// Values of a vector.
    package let dimensions: Int
    package init(pooling: Pooling, dimensions: Int) {
      self.pooling = pooling
      self.dimensions = dimensions
    }
  }

  /// What `/api/tags` tells of the weights.
  package struct Weights: Sendable {
    package let bytes: Int
    package let parameters: Int
    /// The type of most weights: "Q4_1".
    package let type: String
    package init(bytes: Int, parameters: Int, type: String) {
      self.bytes = bytes
      self.parameters = parameters
      self.type = type
    }

    /// Rounded as model names are: "135M", "8.03B".
    var size: String {
      let (value, unit) =
        parameters >= 1_000_000_000 ? (Double(parameters) / 1e9, "B") : (Double(parameters) / 1e6, "M")
      let hundredths = Int((value * 100).rounded()), decimals = hundredths % 100
      if value >= 100 || decimals == 0 { return "\(Int(value.rounded()))\(unit)" }
      return "\(hundredths / 100).\(decimals < 10 ? "0" : "")\(decimals)\(unit)"
    }
  }

  package var name: String
  package var path: String
  package var created: Int
  package var tokenizer: Tokenizer
  package var template: ChatTemplate?
  package var generator: any Generator
  package var defaults = Defaults()
  package var architecture: String
  package var weights: Weights?
  /// nil: requests for embeddings are refused.
  package var embeddings: Embeddings?
  package var formats = AnswerFormats()
  /// Where prompts are rendered and tokenized.
  package var workers = TextWorkers(count: 1)
  /// What of the engine's load is clients'.
  let clients = ClientLoad()
  /// Resolved options, for `/server_info`.
  package var options = JSONObject()
  /// White space in JSON under a schema, where a request does not say.
  package var whitespace = JSONWhitespace.any
  /// Compiled grammars of constrained requests.
  package var grammars: GrammarCache

  package init(
    name: String, path: String, created: Int, tokenizer: Tokenizer, template: ChatTemplate?,
    generator: any Generator, architecture: String
  ) {
    self.name = name
    self.path = path
    self.created = created
    self.tokenizer = tokenizer
    self.template = template
    self.generator = generator
    self.architecture = architecture
    grammars = GrammarCache(tokenizer: tokenizer)
  }

  /// Names what computes the answers: the same model under the same options has the same fingerprint.
  var fingerprint: String {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in (path + architecture + (options["version"]?.stringValue ?? "")).utf8 {
      hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
    }
    return "fp_" + String(hash, radix: 16)
  }

  var prompts: PromptBuilder { PromptBuilder(tokenizer: tokenizer, template: template) }
}
