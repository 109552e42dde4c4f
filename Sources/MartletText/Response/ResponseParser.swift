/// Takes an answer's text as it comes and says what it means: content, reasoning, calls. However the text is cut, the
/// joined deltas are the same; a whole answer is one piece and the end.
///
/// What cannot be read as a call comes back as content. Once its name is certain, a call stays a call, and its arguments
/// are passed on as they come, faulty or cut off as they may be.
package struct ResponseParser: Sendable {
  package struct Options: Sendable {
    package var reasoning: ReasoningFormat?
    /// Nil leaves calls in the content.
    package var tools: ToolFormat?
    package var declarations = ToolDeclarations.none
    /// The end of the prompt's text, at least its last line.
    package var prompt = ""
    /// The beginning of the answer that stands in the prompt, if it is continued.
    package var continuation: String?
    /// The beginning of the answer that the server wrote for the model; it is parsed as if the model had.
    package var prefill = ""
    /// Keep reasoning back until it has ended.
    package var buffersReasoning = false
    /// Further calls are dropped, and the answer is complete when these have ended.
    package var maxCalls = Int.max
    package init() {}
  }

  private enum Pipeline {
    case plain
    case harmony(HarmonyParser)
    case stages(ReasoningSplitter?, (any CallParser)?)
  }

  private var pipeline: Pipeline
  private var input = ParseBuffer()
  /// What is behind the reasoning.
  private var content = ParseBuffer()
  private var output = DeltaWriter()
  private let options: Options
  private var heldReasoning = ""
  private var prefillLength = 0
  /// What the prefill gives, until it is fetched.
  private var early: [ResponseDelta] = []

  package init(_ options: Options = Options()) {
    self.options = options
    let isHarmony = options.reasoning?.kind == .harmony || options.tools?.isHarmony == true
    if isHarmony {
      pipeline = .harmony(HarmonyParser())
    } else if options.reasoning == nil, options.tools == nil {
      pipeline = .plain
    } else {
      var splitter: ReasoningSplitter?
      if let format = options.reasoning, format.kind == .tags {
        splitter = ReasoningSplitter(
          format, start: format.start(prompt: options.prompt, continuation: options.continuation))
      }
      pipeline = .stages(splitter, options.tools.map { $0.makeParser(options.declarations) })
    }
    if let format = options.reasoning, format.kind == .appended { early = [.content(format.openTags[0])] }
    if !options.prefill.isEmpty {
      early += append(options.prefill)
      prefillLength = options.prefill.utf8.count
    }
  }

  /// All wanted calls have ended.
  package var isComplete: Bool { output.endedCalls >= options.maxCalls }

  /// The deltas that `text` makes certain.
  package mutating func append(_ text: String) -> [ResponseDelta] {
    if case .plain = pipeline { return drainEarly() + (text.isEmpty ? [] : [.content(text)]) }
    guard !text.isEmpty else { return drainEarly() }
    input.append(text.utf8)
    return drainEarly() + wanted(advance())
  }

  /// The rest, at the end of the text.
  package mutating func finish() -> [ResponseDelta] {
    if case .plain = pipeline { return drainEarly() }
    input.complete()
    var deltas = wanted(advance())
    if !heldReasoning.isEmpty {
      deltas.append(.reasoning(heldReasoning))
      heldReasoning = ""
    }
    return drainEarly() + deltas
  }

  private mutating func drainEarly() -> [ResponseDelta] {
    defer { early = [] }
    return early
  }

  private mutating func advance() -> [ResponseDelta] {
    switch pipeline {
    case .plain: break
    case .harmony(var parser):
      parser.advance(&input, &output)
      pipeline = .harmony(parser)
    case .stages(var splitter, var calls):
      if splitter != nil {
        splitter?.advance(&input, &output) { content.append($0) }
      } else {
        content.append(input.take(input.count))
      }
      if input.isComplete { content.complete() }
      if calls != nil {
        calls?.advance(&content, &output)
      } else {
        output.content(content.take(content.count))
      }
      pipeline = .stages(splitter, calls)
    }
    return output.drain()
  }

  /// Leaves out calls over the limit, and holds reasoning back if that is asked for.
  private mutating func wanted(_ deltas: [ResponseDelta]) -> [ResponseDelta] {
    guard options.buffersReasoning || options.maxCalls < .max else { return deltas }
    var result: [ResponseDelta] = []
    for delta in deltas {
      switch delta {
      case .reasoning(let text) where options.buffersReasoning: heldReasoning += text
      case .call(let index, _, _) where index >= options.maxCalls: continue
      case .arguments(let index, _) where index >= options.maxCalls: continue
      default:
        if !heldReasoning.isEmpty { result.append(.reasoning(heldReasoning)) }
        heldReasoning = ""
        result.append(delta)
      }
    }
    return result
  }

  /// How many of an answer's tokens are reasoning, its delimiters included.
  /// - Parameter tokenEnds: for each token, how many bytes of text there are behind it.
  package func reasoningTokens(tokenEnds: [Int]) -> Int {
    let spans: ReasoningSpans
    switch pipeline {
    case .plain: return 0
    case .harmony(let parser): spans = parser.spans
    case .stages(let splitter, _):
      guard let splitter else { return 0 }
      spans = splitter.spans
    }
    return spans.count(tokenEnds: tokenEnds.map { $0 + prefillLength }, from: prefillLength)
  }

  /// The whole of a text at once.
  package static func parse(_ text: String, _ options: Options) -> ParsedResponse {
    var parser = ResponseParser(options), response = ParsedResponse()
    for delta in parser.append(text) + parser.finish() { response.append(delta) }
    return response
  }
}
