/// One sequence's part of a step: a chunk of its prompt, or its next token.
package struct StepRow: Sendable {
  package let request: RequestID
  package let slot: SlotIndex
  package let input: StepInput
  /// Absolute position of the first input token.
  package let start: Int
  /// Pages of positions 0..<(start + input.count), in order; the last may be partly filled.
  package let pages: [PageIndex]
  /// Draw a token from the last position.
  package let samples: Bool
  /// Input offsets whose logits score the prompt's next token: offset i scores the token at position start + i + 1.
  package let promptLogprobs: Range<Int>
  /// Input offsets whose final hidden states are wanted.
  package var pooled = 0..<0
  /// The last so many input tokens are guesses: a token is drawn in front of each of them and behind the last, for as
  /// long as the draws repeat the guesses.
  package let draftCount: Int
  /// Input tokens behind the first that a constraint has written in the model's place: they are generated, and not drawn.
  package var forcedCount = 0
  /// One token that was drawn before, and what was guessed or written behind it.
  package var isDecode: Bool { input.count == 1 + draftCount + forcedCount }
  /// The answer shall tell which tokens must follow, as far as a constraint knows.
  package var looksAhead = false

  package init(
    request: RequestID, slot: SlotIndex, input: StepInput, start: Int, pages: [PageIndex], samples: Bool,
    promptLogprobs: Range<Int> = 0..<0, draftCount: Int = 0
  ) {
    self.request = request
    self.slot = slot
    self.input = input
    self.start = start
    self.pages = pages
    self.samples = samples
    self.promptLogprobs = promptLogprobs
    self.draftCount = draftCount
  }
}
