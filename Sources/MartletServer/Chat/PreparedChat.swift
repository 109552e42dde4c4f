import MartletCore
import MartletText

/// A chat request of any dialect, read from OpenAI's fields and ready to run.
struct PreparedChat: Sendable {
  let fields: SamplingFields
  let requests: [GenerationRequest]
  /// How the answers are read.
  let parser: ResponseParser.Options
  let wantsLogprobs: Bool
  let stream: StreamOptions?
  let rid: String?
  /// Set when the client wants to know where the time went.
  let timing: RequestTiming?
  /// The model's name as the client gave it.
  let name: String
  /// Each finished choice tells its tokens.
  let returnsTokenIDs: Bool
  /// The request has `functions` in place of `tools`, and so has its answer.
  let usesFormerFunctions: Bool

  /// - Parameter fitsMaxTokens: lower a limit that the context has no room for.
  /// - Parameter contextLimit: tokens that prompt and answer may take together where the model could take more.
  /// - Parameter timing: since when the request has been here; nil where nobody is told.
  init(
    _ given: RequestFields, namespace: CacheNamespace, fitsMaxTokens: Bool = false, contextLimit: Int? = nil,
    timing: RequestTiming? = nil, reader: RequestReader, model: ServedModel
  ) throws {
    usesFormerFunctions = given.value("functions") != nil
    let fields = try FormerFunctions.chatFields(given)
    self.timing = try RequestTiming.wanted(timing, by: fields)
    var sampling = try SamplingFields(fields, model: model, native: false)
    let prompt = try ChatPrompt(fields, model: model)
    sampling.fitsMaxTokens = fitsMaxTokens
    sampling.contextLimit = contextLimit
    sampling.text.keptTokens = prompt.keptTokens
    guard sampling.grammar.source == nil || prompt.parser.prefill.isEmpty else {
      throw InvalidField(
        field: sampling.grammar.field, reason: "cannot be combined with a tool_choice that names a call")
    }
    var grammar = sampling.grammar
    if grammar.source == nil {
      grammar = GrammarFields(
        source: try prompt.tools.grammar(model: model, namespace: namespace, prompt: prompt), field: "tools")
    }
    sampling.constraint = try prompt.limitingThinking(
      try grammar.constraint(model: model, namespace: namespace, opening: prompt.grammarOpening(model)) {
        // Calls of gpt-oss have channels of their own in their grammar.
        sampling.grammar.source == nil && model.formats.reasoning?.hasChannels ?? false
          ? $0 : prompt.behindThinking($0, model)
      }, model)
    let wantsLogprobs = try fields.bool("logprobs") ?? false
    let top = try fields.integer("top_logprobs", in: 0...20) ?? 0
    guard top == 0 || wantsLogprobs else {
      throw InvalidField(field: "top_logprobs", reason: "needs logprobs to be true")
    }
    let logprobs = LogprobOptions(output: wantsLogprobs, topCount: top, promptStart: nil)
    let priority = try reader.priority(fields)
    let prediction = try PredictionField.tokens(fields, model: model)
    requests = try (0..<sampling.n).map { choice in
      var request = try sampling.request(
        prompt: prompt.tokens, choice: choice, logprobs: logprobs, defaultMaxTokens: nil, namespace: namespace,
        priority: priority, model: model)
      request.prediction = prediction
      return request
    }
    self.fields = sampling
    parser = prompt.parser
    self.wantsLogprobs = wantsLogprobs
    stream = try StreamOptions(fields)
    rid = try fields.string("rid")
    name = try fields.string("model") ?? model.name
    returnsTokenIDs = try fields.bool("return_token_ids") ?? false
  }

  /// Admits the generations; they end when the client of `context` leaves.
  func start(
    _ context: ServerContext, _ connections: ClientConnections, model: ServedModel
  ) throws -> (ChoiceGroup, ClientConnections.Watch) {
    let group = try ChoiceGroup(requests, fields: fields, parser: parser, model: model)
    let ids = group.ids
    return (group, connections.watch(context, isStream: stream != nil) { for id in ids { model.generator.cancel(id) } })
  }
}
