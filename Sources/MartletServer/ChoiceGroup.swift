import MartletCore
import MartletText

/// All generations of one request. They are admitted together, or none of them is.
struct ChoiceGroup: Sendable {
  /// Something that one of the choices produced, in the order of arrival.
  struct Update: Sendable {
    let index: Int
    let event: GenerationEvent
  }

  private(set) var choices: [Choice]
  /// When the engine took the generations.
  let admitted = ContinuousClock.now
  /// Counts the request among the clients'; nil for one of a batch.
  private let presence: ClientLoad.Presence?

  /// - Parameter parser: how the answers are read; nil leaves them plain text.
  init(
    _ requests: [GenerationRequest], fields: SamplingFields, parser: ResponseParser.Options? = nil, model: ServedModel
  ) throws(AdmissionError) {
    try self.init(requests, fields: Array(repeating: fields, count: requests.count), parser: parser, model: model)
  }

  /// `fields` holds an entry for each request.
  init(
    _ requests: [GenerationRequest], fields: [SamplingFields], parser: ResponseParser.Options? = nil,
    model: ServedModel
  ) throws(AdmissionError) {
    try Self.check(count: requests.count, model: model)
    var choices: [Choice] = []
    do throws(AdmissionError) {
      for (index, (request, fields)) in zip(requests, fields).enumerated() {
        choices.append(try Choice(index: index, request: request, fields: fields, parser: parser, model: model))
      }
    } catch {
      for choice in choices { model.generator.cancel(choice.stream.id) }
      throw error
    }
    self.choices = choices
    presence = requests.first?.priority == BatchRunner.priority ? nil : model.clients.enter()
  }

  /// Refuses more generations than the engine holds at once, running and waiting.
  static func check(count: Int, model: ServedModel) throws(AdmissionError) {
    let limit = model.generator.limits.maxLiveRequests
    guard count <= limit else { throw .tooMany(requests: count, limit: limit) }
  }

  /// The engine's ids of the choices.
  var ids: [RequestID] { choices.map(\.stream.id) }

  /// Runs all choices to their ends.
  mutating func finish() async throws {
    choices = try await withThrowingTaskGroup(of: Choice.self) { group in
      for choice in choices {
        group.addTask {
          var choice = choice
          try await choice.finish()
          return choice
        }
      }
      var finished: [Choice] = []
      for try await choice in group { finished.append(choice) }
      return finished.sorted { $0.index < $1.index }
    }
  }

  /// Feeds every event to `body` with its choice and what it made certain of the answer, as the events come.
  @concurrent
  mutating func forEachUpdate(_ body: @concurrent (Choice, [ResponseDelta]) async throws -> Void) async throws {
    if choices.count == 1 {
      var last: [ResponseDelta]?
      for await event in choices[0].stream.events {
        if last != nil {
          choices[0].note(event)
          continue
        }
        let deltas = choices[0].take(event)
        if choices[0].isFinished, !event.isLast {
          last = deltas
          choices[0].cancel()
        } else {
          try await body(choices[0], deltas)
        }
      }
      try Task.checkCancellation()
      if let last { try await body(choices[0], last) }
      return
    }
    let (updates, continuation) = AsyncStream.makeStream(of: Update.self)
    var open = choices.count
    // The last deltas of choices that the text has ended and the engine has not.
    var last: [Int: [ResponseDelta]] = [:]
    try await withThrowingTaskGroup(of: Void.self) { group in
      for choice in choices {
        let index = choice.index, events = choice.stream.events
        group.addTask {
          for await event in events { continuation.yield(Update(index: index, event: event)) }
        }
      }
      for await update in updates {
        let index = update.index
        let isLast = update.event.isLast
        var deltas: [ResponseDelta] = []
        if let held = last[index] {
          choices[index].note(update.event)
          guard isLast else { continue }
          deltas = held
        } else {
          deltas = choices[index].take(update.event)
          if choices[index].isFinished, !isLast {
            last[index] = deltas
            choices[index].cancel()
            continue
          }
        }
        try await body(choices[index], deltas)
        if isLast { open -= 1 }
        if open == 0 { break }
      }
      group.cancelAll()
    }
    try Task.checkCancellation()
  }

  /// The same for plain text.
  @concurrent
  mutating func forEachPiece(_ body: @concurrent (Choice, String) async throws -> Void) async throws {
    try await forEachUpdate { choice, deltas in
      let pieces = deltas.map { delta in if case .content(let text) = delta { text } else { "" } }
      try await body(choice, pieces.joined())
    }
  }

  /// OpenAI's usage object over all choices; prompts shared by choices count once.
  func usage(promptCount: Int) -> JSONValue {
    let perPrompt = max(1, choices.count / max(1, promptCount))
    let prompt = choices.enumerated().reduce(0) { $0 + ($1.offset % perPrompt == 0 ? $1.element.prompt.count : 0) }
    let completion = choices.reduce(0) { $0 + $1.assembler.tokens.count }
    let cached = choices.enumerated().reduce(0) {
      $0 + ($1.offset % perPrompt == 0 ? $1.element.assembler.usage.cachedTokens : 0)
    }
    let reasoning = Int64(choices.reduce(0) { $0 + $1.reasoningTokens })
    var details: JSONObject = ["reasoning_tokens": .int(reasoning)]
    if choices.contains(where: \.hasPrediction) {
      let accepted = choices.reduce(0) { $0 + $1.assembler.usage.acceptedPredictionTokens }
      let rejected = choices.reduce(0) { $0 + $1.assembler.usage.rejectedPredictionTokens }
      details["accepted_prediction_tokens"] = .int(Int64(accepted))
      details["rejected_prediction_tokens"] = .int(Int64(rejected))
    }
    return [
      "prompt_tokens": .int(Int64(prompt)), "total_tokens": .int(Int64(prompt + completion)),
      "completion_tokens": .int(Int64(completion)),
      "prompt_tokens_details": ["cached_tokens": .int(Int64(cached))], "reasoning_tokens": .int(reasoning),
      "completion_tokens_details": .object(details),
    ]
  }
}
