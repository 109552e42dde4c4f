import Hummingbird
import MartletCore
import MartletText

/// One running generation of a request, and its text so far.
struct Choice: Sendable {
  let index: Int
  let prompt: [TokenID]
  let stream: GenerationStream
  var assembler: ResponseAssembler

  init(index: Int, request: GenerationRequest, fields: SamplingFields, model: ServedModel) throws(AdmissionError) {
    self.index = index
    prompt = request.prompt
    assembler = ResponseAssembler(
      tokenizer: model.tokenizer, stopTokens: request.stop.stopTokens, options: fields.text)
    stream = try model.generator.generate(request)
  }

  var isFinished: Bool { assembler.finish != nil }

  /// Runs to the end. Leaving early (a stop string, a cancelled task) ends the generation too.
  mutating func finish() async throws {
    for await event in stream.events {
      _ = assembler.take(event)
      if isFinished { break }
    }
    try Task.checkCancellation()
    try check()
  }

  /// Throws for a generation that the engine could not finish.
  func check() throws(APIError) {
    guard case .engine(.aborted(let reason)) = assembler.finish else { return }
    switch reason {
    case .cancelled: return
    case .shuttingDown: throw APIError(.serviceUnavailable, "the server is shutting down")
    case .deviceFailed(let status): throw APIError(.internalServerError, "the device failed (status \(status))")
    case .invalidLogits: throw APIError(.internalServerError, "the model produced no finite logits")
    }
  }

  /// OpenAI's word for how it ended.
  var finishReason: JSONValue {
    switch assembler.finish {
    case nil: .null
    case .stopString?, .engine(.stopToken)?: "stop"
    case .engine(.length)?: "length"
    case .engine(.aborted)?: "abort"
    }
  }

  var matchedStop: JSONValue {
    switch assembler.finish {
    case .stopString(let text)?: .string(text)
    case .engine(.stopToken(let token))?: .int(Int64(token.rawValue))
    default: .null
    }
  }
}
