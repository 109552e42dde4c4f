/// Main path 7/8: tokens become UTF-8-safe text, and stop strings end it.
package import MartletCore

/// The text of one generation. Any grouping of its events gives the same text.
package struct ResponseAssembler: Sendable {
  /// How a text ended, as the interfaces report it.
  package enum Finish: Sendable, Equatable {
    case stopString(String)
    case engine(FinishReason)
  }

  package struct Options: Sendable {
    package var stopStrings: [String] = []
    package var skipSpecialTokens = true
    /// Keep the stop string or stop token in the text.
    package var keepsStop = false
    /// Special tokens that stay in the text although others are skipped.
    package var keptTokens: Set<TokenID> = []
    package init() {}
  }

  private var detokenizer: IncrementalDetokenizer
  private var matcher: StopMatcher
  private let options: Options
  private let stopTokens: Set<TokenID>

  /// Every token so far, the stop token included.
  package private(set) var tokens: [TokenID] = []
  /// For each token, the bytes of text up to its end, stop strings not considered.
  package private(set) var tokenEnds: [Int] = []
  package private(set) var logprobs: [TokenLogprobs] = []
  package private(set) var promptLogprobs: [TokenLogprobs] = []
  package private(set) var text = ""
  package private(set) var finish: Finish?
  package private(set) var usage = GenerationUsage()

  package init(tokenizer: Tokenizer, stopTokens: Set<TokenID>, options: Options) {
    detokenizer = IncrementalDetokenizer(
      tokenizer: tokenizer, skipSpecialTokens: options.skipSpecialTokens, keptTokens: options.keptTokens)
    matcher = StopMatcher(options.stopStrings)
    self.options = options
    self.stopTokens = stopTokens
  }

  /// Takes the engine's figures of a generation that the text has ended already.
  package mutating func note(_ event: GenerationEvent) {
    if case .finished(_, let usage) = event { self.usage = usage }
  }

  /// Takes an event; returns the text that became certain.
  package mutating func take(_ event: GenerationEvent) -> String {
    guard finish == nil else { return "" }
    switch event {
    case .prefilled(let logprobs, let usage):
      promptLogprobs = logprobs
      self.usage = usage
      return ""
    case .embedded: return ""
    case .token(let token, let logprob):
      tokens.append(token)
      if let logprob { logprobs.append(logprob) }
      let isHidden = stopTokens.contains(token) && !options.keepsStop
      let piece = isHidden ? "" : detokenizer.append(token)
      tokenEnds.append((tokenEnds.last ?? 0) + piece.utf8.count)
      return isHidden ? "" : emit(piece)
    case .finished(let reason, let usage):
      self.usage = usage
      var rest = emit(detokenizer.finish())
      guard finish == nil else { return rest }
      finish = .engine(reason)
      let held = matcher.finish()
      text += held
      rest += held
      return rest
    }
  }

  private mutating func emit(_ piece: String) -> String {
    switch matcher.append(piece) {
    case .text(let ready):
      text += ready
      return ready
    case .stopped(let before, let match):
      finish = .stopString(match)
      let ready = options.keepsStop ? before + match : before
      text += ready
      return ready
    }
  }
}
