/// Main path 7/8: a generation's events become UTF-8-safe text that ends before its stop.
package import MartletCore

/// One answer's text. Feed it every event in order; when `hasStopped` turns true the generation has reached a stop
/// string and should be cancelled. The end is reported with the `finished` event in either case.
package struct ResponseAssembler: Sendable {
  package struct Options: Sendable {
    package var stopStrings: [String] = []
    package var stopTokens: Set<TokenID> = []
    package var skipSpecialTokens = true
    /// Keep the stop string or token in the text.
    package var keepsStop = false
    package init() {}
  }

  private var detokenizer: IncrementalDetokenizer
  private var matcher: StopMatcher
  private let options: Options
  private var matchedStop: String?
  private var tokenCount = 0
  private var hasEnded = false

  package init(tokenizer: Tokenizer, options: Options) {
    detokenizer = IncrementalDetokenizer(tokenizer: tokenizer, skipSpecialTokens: options.skipSpecialTokens)
    matcher = StopMatcher(stops: options.stopStrings, keepsMatch: options.keepsStop)
    self.options = options
  }

  package var hasStopped: Bool { matchedStop != nil }

  package mutating func take(_ event: GenerationEvent) -> ResponseDelta {
    var delta = ResponseDelta()
    guard !hasEnded else { return delta }
    switch event {
    case .prefilled(let promptLogprobs): delta.promptLogprobs = promptLogprobs
    case .token(let token, let logprobs):
      guard !hasStopped else { return delta }
      tokenCount += 1
      delta.tokens = [token]
      if let logprobs { delta.logprobs = [logprobs] }
      if options.keepsStop || !options.stopTokens.contains(token) {
        delta.text = match(detokenizer.append(token))
      }
    case .finished(let reason, let usage):
      hasEnded = true
      delta.text = hasStopped ? "" : match(detokenizer.finish())
      if !hasStopped { delta.text += matcher.finish() }
      delta.end = end(reason, usage)
    }
    return delta
  }

  private mutating func match(_ text: String) -> String {
    let output = matcher.append(text)
    matchedStop = output.matched ?? matchedStop
    return output.text
  }

  private func end(_ reason: FinishReason, _ usage: GenerationUsage) -> ResponseEnd {
    guard let matchedStop else {
      let own: ResponseEnd.Reason =
        switch reason {
        case .stopToken(let token): .stopToken(token)
        case .length: .length
        case .aborted(let why): .aborted(why)
        }
      return ResponseEnd(reason: own, usage: usage)
    }
    // Tokens drawn between the stop and its cancellation are not the answer's.
    var usage = usage
    usage.completionTokens = tokenCount
    return ResponseEnd(reason: .stopString(matchedStop), usage: usage)
  }
}
