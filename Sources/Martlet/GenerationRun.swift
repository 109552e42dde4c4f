import MartletCore
import MartletText

/// One running generation and its text.
struct GenerationRun: Sendable {
  let stream: GenerationStream
  private let promptTokens: Int
  private var assembler: ResponseAssembler

  init(stream: GenerationStream, promptTokens: Int, assembler: ResponseAssembler) {
    self.stream = stream
    self.promptTokens = promptTokens
    self.assembler = assembler
  }

  var isDone: Bool { assembler.finish != nil }

  @discardableResult
  mutating func take(_ event: GenerationEvent) -> String { assembler.take(event) }

  func result() throws(MartletError) -> Generation {
    var generation = Generation()
    generation.text = assembler.text
    generation.tokens = assembler.tokens.map(\.rawValue)
    generation.promptTokens = promptTokens
    generation.cachedTokens = assembler.usage.cachedTokens
    switch assembler.finish {
    case .stopString, .engine(.stopToken): generation.finishReason = .stop
    case .engine(.length): generation.finishReason = .length
    case .engine(.aborted(let reason)):
      if let error = MartletError(reason) { throw error }
      generation.finishReason = .aborted
    case nil: generation.finishReason = .aborted
    }
    return generation
  }
}
