import MartletCore
import Synchronization

/// An engine without a model: answers every request with the tokens that a closure gives.
final class ScriptedGenerator: Generator {
  private struct State {
    var requests: [GenerationRequest] = []
    var open: [RequestID: AsyncStream<GenerationEvent>.Continuation] = [:]
    var cancelled: [RequestID] = []
  }

  let limits = EngineLimits(
    contextLength: 4096, vocabularySize: 258, maxRunningRequests: 4, maxTotalTokens: 8192, maxLiveRequests: 1028)
  private let state = Mutex(State())
  /// nil: the generation runs until it is cancelled.
  private let answer: @Sendable (GenerationRequest) -> [Int32]?

  /// What each generation is said to have cost.
  private let usage: GenerationUsage

  init(usage: GenerationUsage = GenerationUsage(), answer: @escaping @Sendable (GenerationRequest) -> [Int32]?) {
    self.usage = usage
    self.answer = answer
  }

  /// Answers with the bytes of `text`, cut at the request's limit.
  convenience init(text: String) {
    self.init { request in Array(text.utf8.prefix(request.stop.maxTokens)).map { Int32($0) } }
  }

  /// Answers with the bytes of `text`, and the tokens that the request's constraint forces in between.
  convenience init(obedient text: String) {
    self.init { request in
      var state = request.constraint?.state(after: []), tokens: [Int32] = [], rest = Array(text.utf8)[...]
      while tokens.count < request.stop.maxTokens {
        let mask = state?.mask()
        var token = rest.first.map { Int32($0) }
        if let mask, mask.reduce(0, { $0 + $1.nonzeroBitCount }) == 1, let word = mask.firstIndex(where: { $0 != 0 }) {
          token = Int32(word * 32 + mask[word].trailingZeroBitCount)
        } else {
          rest = rest.dropFirst()
        }
        guard let token else { break }
        tokens.append(token)
        state?.advance(TokenID(token))
      }
      return tokens
    }
  }

  var requests: [GenerationRequest] { state.withLock { $0.requests } }
  var cancelled: [RequestID] { state.withLock { $0.cancelled } }
  var openCount: Int { state.withLock { $0.open.count } }

  func generate(_ request: GenerationRequest) throws(AdmissionError) -> GenerationStream {
    guard !request.prompt.isEmpty else { throw .emptyPrompt }
    let needed = request.prompt.count + request.stop.maxTokens
    guard needed <= limits.contextLength else { throw .promptTooLong(tokens: needed, limit: limits.contextLength) }
    for token in request.prompt where !(0..<Int32(limits.vocabularySize)).contains(token.rawValue) {
      throw .unknownToken(token.rawValue, vocabularySize: limits.vocabularySize)
    }
    let (events, continuation) = AsyncStream.makeStream(of: GenerationEvent.self)
    let id = state.withLock { state in
      state.requests.append(request)
      let id = RequestID(UInt64(state.requests.count))
      state.open[id] = continuation
      return id
    }
    continuation.yield(.prefilled(promptLogprobs: [], usage: usage))
    if request.pooling != nil {
      // Tells the prompt's length and its first token.
      continuation.yield(.embedded([Float(request.prompt.count), Float(request.prompt[0].rawValue), 0]))
      end(id, .length)
    } else if let tokens = answer(request) {
      for token in tokens {
        let alternatives = request.logprobs.tokens.map { TokenLogprobs.Alternative(token: $0, logprob: -2) }
        let logprobs = TokenLogprobs(token: TokenID(token), logprob: -0.5, top: [], selected: alternatives)
        continuation.yield(.token(TokenID(token), request.logprobs.output ? logprobs : nil))
      }
      // A script that ends with the end token ends the turn, as a model does.
      end(id, tokens.last == 257 ? .stopToken(TokenID(257)) : .length)
    }
    return GenerationStream(id: id, events: events)
  }

  private func end(_ id: RequestID, _ reason: FinishReason) {
    guard let continuation = state.withLock({ $0.open.removeValue(forKey: id) }) else { return }
    continuation.yield(.finished(reason, usage))
    continuation.finish()
  }

  func cancel(_ id: RequestID) {
    state.withLock { $0.cancelled.append(id) }
    end(id, .aborted(.cancelled))
  }

  func flushCache() async -> Bool { openCount == 0 }
  func load() -> EngineLoad { EngineLoad() }
}
