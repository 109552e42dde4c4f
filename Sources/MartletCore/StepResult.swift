/// What a step produced, a row for each `StepPlan.rows`.
package struct StepResult: Sendable {
  package struct Row: Sendable {
    /// Empty when the row does not sample; more than one when drafts were accepted. An id of -1 reports logits without
    /// any finite value.
    package var sampled: [TokenID] = []
    /// As long as `sampled` when the request wants output logprobs, else empty.
    package var logprobs: [TokenLogprobs] = []
    /// Tokens that must follow those: guesses for the next step. Only for rows that look ahead.
    package var forced: [TokenID] = []
    package var promptLogprobs: [TokenLogprobs] = []
    /// Final hidden states of the row's `pooled` inputs, [pooled.count, hidden size].
    package var hidden: [Float] = []
    package init() {}
  }

  package var rows: [Row]
  package init(rows: [Row]) { self.rows = rows }
}
