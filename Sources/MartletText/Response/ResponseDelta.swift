package import MartletCore

/// What a reader learns since the last time. Two deltas that follow each other add up to one.
package struct ResponseDelta: Sendable, Equatable {
  package var text = ""
  package var tokens: [TokenID] = []
  /// One for each of `tokens` when the request asked for them, else empty. The text may come later than its tokens.
  package var logprobs: [TokenLogprobs] = []
  package var promptLogprobs: [TokenLogprobs] = []
  package var end: ResponseEnd?

  package init() {}

  package var isEmpty: Bool {
    text.isEmpty && tokens.isEmpty && promptLogprobs.isEmpty && end == nil
  }

  package mutating func append(_ next: ResponseDelta) {
    text += next.text
    tokens += next.tokens
    logprobs += next.logprobs
    promptLogprobs += next.promptLogprobs
    end = next.end ?? end
  }
}
