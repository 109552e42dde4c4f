import MartletCore

/// The rows of logits that a plan wants: first those that draw a token, then those that score the prompt.
struct StepWork {
  struct Draw {
    let planRow: Int
    let slot: SlotIndex
    /// Tokens of the sequence so far: the drawn token's absolute position.
    let position: Int
  }
  struct Score {
    let planRow: Int
    /// Offset of the input whose logits score `token`.
    let offset: Int
    let token: Int32
  }

  private(set) var draws: [Draw] = []
  private(set) var scores: [Score] = []
  private(set) var size = StepInputs.Size()
  /// Every row draws after a single input token.
  private(set) var onlyDecodes = true

  init(_ plan: StepPlan, prompt: (SlotIndex) -> [TokenID]?) {
    for (index, row) in plan.rows.enumerated() {
      size.rows += row.input.count
      size.pages += row.pages.count
      if row.samples {
        draws.append(Draw(planRow: index, slot: row.slot, position: row.start + row.input.count))
      }
      onlyDecodes = onlyDecodes && row.samples && row.input.count == 1 && row.promptLogprobs.isEmpty
      guard !row.promptLogprobs.isEmpty, let prompt = prompt(row.slot) else { continue }
      for offset in row.promptLogprobs where row.start + offset + 1 < prompt.count {
        scores.append(Score(planRow: index, offset: offset, token: prompt[row.start + offset + 1].rawValue))
      }
    }
    size.sequences = plan.rows.count
    size.draws = draws.count
    size.logitRows = draws.count + scores.count
  }
}
