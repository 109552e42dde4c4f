import Hummingbird
import MartletCore
import MartletText

/// One running generation of a request, and its text so far.
struct Choice: Sendable {
  let index: Int
  let prompt: [TokenID]
  let hasPrediction: Bool
  let stream: GenerationStream
  private(set) var assembler: ResponseAssembler
  private var parser: ResponseParser
  private let generator: any Generator
  /// What the answer consists of so far.
  private(set) var answer = ParsedResponse()

  init(
    index: Int, request: GenerationRequest, fields: SamplingFields, parser: ResponseParser.Options?, model: ServedModel
  ) throws(AdmissionError) {
    self.index = index
    self.parser = ResponseParser(parser ?? ResponseParser.Options())
    prompt = request.prompt
    hasPrediction = !request.prediction.isEmpty
    assembler = ResponseAssembler(
      tokenizer: model.tokenizer, stopTokens: request.stop.stopTokens, options: fields.text)
    generator = model.generator
    stream = try model.generator.generate(request)
  }

  var isFinished: Bool { assembler.finish != nil || parser.isComplete }

  /// Takes an event; returns what became certain of the answer.
  mutating func take(_ event: GenerationEvent) -> [ResponseDelta] {
    var deltas = parser.append(assembler.take(event))
    if isFinished { deltas += parser.finish() }
    for delta in deltas { answer.append(delta) }
    return deltas
  }

  /// How many of the tokens are reasoning.
  var reasoningTokens: Int { parser.reasoningTokens(tokenEnds: assembler.tokenEnds) }

  /// Ends the generation in the engine, which tells its figures then.
  func cancel() { generator.cancel(stream.id) }

  /// Takes the figures of a generation that the text has ended.
  mutating func note(_ event: GenerationEvent) { assembler.note(event) }

  /// Runs to the end. A cancelled task ends the generation too.
  mutating func finish() async throws {
    for await event in stream.events {
      if isFinished {
        note(event)
        continue
      }
      _ = take(event)
      if isFinished, !event.isLast { cancel() }
    }
    try Task.checkCancellation()
    try check()
  }

  /// Throws for a generation that the engine could not finish.
  func check() throws(APIError) {
    guard case .engine(.aborted(let reason)) = assembler.finish else { return }
    if let error = APIError(reason) { throw error }
  }

  /// OpenAI's word for how it ended.
  var finishReason: JSONValue {
    switch assembler.finish {
    case nil: parser.isComplete ? "tool_calls" : .null
    case .stopString?, .engine(.stopToken)?: answer.calls.isEmpty ? "stop" : "tool_calls"
    case .engine(.length)?: "length"
    case .engine(.aborted)?: "abort"
    }
  }

  /// The stop string that ended it; null when there was none.
  var stopString: JSONValue {
    if case .stopString(let text)? = assembler.finish { .string(text) } else { .null }
  }

  /// The stop string or token; null when calls ended the turn.
  var matchedStop: JSONValue {
    guard answer.calls.isEmpty else { return .null }
    switch assembler.finish {
    case .stopString(let text)?: return .string(text)
    case .engine(.stopToken(let token))?: return .int(Int64(token.rawValue))
    default: return .null
    }
  }
}
