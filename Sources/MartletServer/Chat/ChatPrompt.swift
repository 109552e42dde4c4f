import MartletCore
import MartletText

/// A chat's prompt, and how the answer to it is read.
struct ChatPrompt: Sendable {
  let tokens: [TokenID]
  let parser: ResponseParser.Options
  let tools: ToolFields
  let thinkingLimit: ThinkingLimit?
  /// Special tokens that must stay in the answer's text.
  let keptTokens: Set<TokenID>

  /// Reads a chat request's messages, tools and switches.
  init(_ fields: RequestFields, model: ServedModel) throws {
    guard let messages = try fields.array("messages"), !messages.isEmpty else {
      throw InvalidField(field: "messages", reason: "must be a list with at least one message")
    }
    let tools = try ToolFields(fields), reasoning = try ReasoningFields(fields)
    let conversation = try PromptBuilder.Conversation(
      messages: messages, fields: fields, tools: tools, reasoning: reasoning)
    try self.init(
      conversation, given: try fields.tokens("input_ids"), tools: tools, reasoning: reasoning, model: model)
  }

  /// - Parameter given: the prompt's tokens when the client has rendered it itself.
  private init(
    _ conversation: PromptBuilder.Conversation, given: [TokenID]?, tools: ToolFields, reasoning: ReasoningFields,
    model: ServedModel
  ) throws {
    var options = ResponseParser.Options()
    var kept = Set<TokenID>()
    if reasoning.isSeparate, let format = model.formats.reasoning {
      options.reasoning = format
      kept.formUnion(model.formats.reasoningTokens)
    }
    if !tools.offered.isEmpty, let format = model.formats.tools {
      options.tools = format
      options.declarations = ToolDeclarations(tools.offered)
      kept.formUnion(model.formats.toolTokens)
    }
    options.buffersReasoning = !reasoning.streams
    if !tools.allowsParallelCalls { options.maxCalls = 1 }
    if case .function = tools.choice { options.maxCalls = 1 }
    if conversation.continuesFinalMessage { options.continuation = conversation.messages.last?["content"]?.stringValue }
    if let given {
      options.prompt = model.tokenizer.decode(given.suffix(64), skipSpecialTokens: false)
      tokens = given
    } else {
      var text = try model.prompts.text(of: conversation)
      if let call = try tools.prefill(model: model, earlierCalls: Self.calls(in: conversation)) {
        // A call that must come takes the place of reasoning.
        if let close = model.formats.reasoning?.closing(prompt: text) { text += close }
        options.prefill = call
      }
      options.prompt = String(text.suffix(256))
      tokens = model.prompts.tokens(rendered: text + options.prefill)
    }
    parser = options
    self.tools = tools
    thinkingLimit = reasoning.budget
    keptTokens = kept
  }

  /// The text behind which a grammar begins: the end of the reasoning that the prompt has opened.
  func grammarOpening(_ model: ServedModel) -> [UInt8] {
    guard parser.prefill.isEmpty, let close = model.formats.reasoning?.closing(prompt: parser.prompt) else { return [] }
    return Array(close.utf8.prefix { $0 > 0x20 })
  }

  /// `constraint` with the request's limit of reasoning around it.
  func limitingThinking(
    _ constraint: (any TokenConstraint)?, _ model: ServedModel
  ) throws(InvalidField) -> (any TokenConstraint)? {
    // A call that has begun stands behind the reasoning.
    guard let thinkingLimit, parser.prefill.isEmpty else { return constraint }
    return try thinkingLimit.limiting(
      constraint, prompt: parser.prompt, continuation: parser.continuation, model: model)
  }

  /// A form of the answer, behind reasoning that the model opens by itself.
  func behindThinking(_ source: GrammarSource, _ model: ServedModel) -> GrammarSource {
    if model.formats.reasoning?.hasChannels ?? false { return .inFinalChannel(source) }
    guard parser.prefill.isEmpty, parser.continuation?.isEmpty ?? true,
      let tags = model.formats.reasoning?.ownThinking(prompt: parser.prompt)
    else { return source }
    return .behindThinking(source, open: tags.open, close: tags.close)
  }

  private static func calls(in conversation: PromptBuilder.Conversation) -> Int {
    conversation.messages.reduce(0) { $0 + ($1["tool_calls"]?.arrayValue?.count ?? 0) }
  }
}
