import MartletCore
import MartletText

/// The sampling part of a request in any dialect, read and validated.
struct SamplingFields {
  var sampling: SamplingParameters.Fields
  var hasSeed: Bool
  var maxTokens: Int?
  /// A limit that the context has no room for is lowered, not refused: clients of some dialects always send one.
  var fitsMaxTokens = false
  /// Tokens that prompt and answer may take together where the model could take more.
  var contextLimit: Int?
  var minTokens: Int
  var stopTokens: [TokenID]
  var ignoresEnd: Bool
  var n: Int
  var text = ResponseAssembler.Options()
  var grammar: GrammarFields
  /// What `grammar` compiles to.
  var constraint: (any TokenConstraint)?
  /// Bounds the reasoning of a plain prompt's answer; chats have it in their constraint.
  var thinkingLimit: ThinkingLimit?

  static let maxChoices = 128
  static let maxStops = 32

  /// Reads the fields of an OpenAI body or of native `sampling_params`, which share most names.
  init(_ fields: RequestFields, model: ServedModel, native: Bool) throws(InvalidField) {
    try fields.refuse(["stop_regex", "custom_logit_processor", "beam_width", "lora_path", "watermark"])
    grammar = try GrammarFields(fields, whitespace: model.whitespace)
    let defaults = model.defaults
    var sampling = SamplingParameters.Fields()
    sampling.temperature = try fields.double("temperature") ?? defaults.temperature ?? 1
    sampling.topP = try fields.double("top_p") ?? defaults.topP ?? 1
    sampling.topK = try fields.integer("top_k") ?? defaults.topK ?? -1
    sampling.minP = try fields.double("min_p") ?? defaults.minP ?? 0
    sampling.frequencyPenalty = try fields.double("frequency_penalty") ?? 0
    sampling.presencePenalty = try fields.double("presence_penalty") ?? 0
    sampling.repetitionPenalty = try fields.double("repetition_penalty") ?? defaults.repetitionPenalty ?? 1
    sampling.bias = try Self.bias(fields, vocabulary: model.generator.limits.vocabularySize)
    let seed = try fields.integer(native ? "sampling_seed" : "seed")
    hasSeed = seed != nil
    sampling.seed = seed.map { UInt64(bitPattern: Int64($0)) } ?? UInt64.random(in: .min ... .max)
    _ = try SamplingParameters(sampling)
    self.sampling = sampling
    maxTokens = try fields.integer(native ? "max_new_tokens" : "max_tokens", in: 0...Int(Int32.max))
    if !native, let newer = try fields.integer("max_completion_tokens", in: 0...Int(Int32.max)) { maxTokens = newer }
    minTokens = try fields.integer(native ? "min_new_tokens" : "min_tokens", in: 0...Int(Int32.max)) ?? 0
    stopTokens = try fields.tokens("stop_token_ids") ?? []
    ignoresEnd = try fields.bool("ignore_eos") ?? false
    n = try fields.integer("n", in: 1...Self.maxChoices) ?? 1
    text.stopStrings = try fields.strings("stop") ?? []
    guard text.stopStrings.count <= Self.maxStops else {
      throw InvalidField(field: fields.name("stop"), reason: "must have at most \(Self.maxStops) strings")
    }
    text.skipSpecialTokens = try fields.bool("skip_special_tokens") ?? true
    text.keepsStop = try fields.bool("no_stop_trim") ?? false
  }

  private static func bias(_ fields: RequestFields, vocabulary: Int) throws(InvalidField) -> [SamplingParameters.Bias] {
    guard let object = try fields.fields("logit_bias")?.object else { return [] }
    var bias: [SamplingParameters.Bias] = []
    for (key, value) in object.members {
      guard let id = Int32(key), (0..<vocabulary).contains(Int(id)) else {
        throw InvalidField(
          field: "logit_bias", reason: "has the key \"\(key)\", which is not a token id under \(vocabulary)")
      }
      guard let number = value.doubleValue, (-100...100).contains(number) else {
        throw InvalidField(field: "logit_bias.\(key)", reason: "must be a number between -100 and 100")
      }
      bias.append(SamplingParameters.Bias(token: TokenID(id), value: Float(number)))
    }
    return bias
  }

  /// The engine's request for choice `choice`; choices differ in their seeds by a fixed step.
  func request(
    prompt: [TokenID], choice: Int, logprobs: LogprobOptions, defaultMaxTokens: Int?, namespace: CacheNamespace,
    priority: Int, model: ServedModel
  ) throws -> GenerationRequest {
    let context = min(contextLimit ?? .max, model.generator.limits.contextLength)
    var limit = maxTokens ?? defaultMaxTokens ?? .max
    if fitsMaxTokens || limit == .max {
      guard prompt.count < context else { throw AdmissionError.promptTooLong(tokens: prompt.count + 1, limit: context) }
      limit = min(limit, context - prompt.count)
    }
    var sampling = sampling
    sampling.seed = sampling.seed &+ UInt64(choice) &* 0x9E37_79B9_7F4A_7C15
    // A constrained text must be able to end.
    let end = ignoresEnd && constraint == nil ? [] : model.tokenizer.endTokens
    var constraint = constraint
    if let thinkingLimit {
      let text = model.tokenizer.decode(prompt.suffix(64), skipSpecialTokens: false)
      constraint = try thinkingLimit.limiting(constraint, prompt: text, model: model)
    }
    return GenerationRequest(
      prompt: prompt, sampling: try SamplingParameters(sampling),
      stop: try StopCriteria(maxTokens: limit, minTokens: minTokens, stopTokens: Set(end + stopTokens)),
      logprobs: logprobs, namespace: namespace, priority: priority, constraint: constraint)
  }
}
