import MartletCore

/// The rows that a plan wants of the last layer: first those that draw a token, then those that score the prompt, then
/// those whose hidden states are wanted.
struct StepWork {
  struct Draw {
    let planRow: Int
    let slot: SlotIndex
    /// Tokens of the sequence so far: the drawn token's absolute position.
    let position: Int
    /// Offset of the input whose logits are drawn from.
    let offset: Int
    /// Guesses of the row in front of this draw, and the one that the draw before must have repeated.
    let depth: Int
    let guess: Int32?
  }
  struct Score {
    let planRow: Int
    /// Offset of the input whose logits score `token`.
    let offset: Int
    let token: Int32
  }
  struct Pool {
    let planRow: Int
    /// Offset of the input whose hidden state is wanted.
    let offset: Int
  }

  private(set) var draws: [Draw] = []
  private(set) var scores: [Score] = []
  private(set) var pools: [Pool] = []
  private(set) var size = StepInputs.Size()
  /// Every row draws after a single input token.
  private(set) var onlyDecodes = true

  init(_ plan: StepPlan, prompt: (SlotIndex) -> [TokenID]?) {
    for (index, row) in plan.rows.enumerated() {
      size.rows += row.input.count
      size.pages += row.pages.count
      if row.samples { appendDraws(row, at: index) }
      onlyDecodes = onlyDecodes && row.samples && row.input.count == 1 && row.promptLogprobs.isEmpty
      pools += row.pooled.map { Pool(planRow: index, offset: $0) }
      guard !row.promptLogprobs.isEmpty, let prompt = prompt(row.slot) else { continue }
      for offset in row.promptLogprobs where row.start + offset + 1 < prompt.count {
        scores.append(Score(planRow: index, offset: offset, token: prompt[row.start + offset + 1].rawValue))
      }
    }
    size.sequences = plan.rows.count
    size.draws = draws.count
    size.logitRows = draws.count + scores.count + pools.count
  }

  /// A draw behind the last known token, and one behind each guess.
  private mutating func appendDraws(_ row: StepRow, at index: Int) {
    let first = row.input.count - 1 - row.draftCount
    for depth in 0...row.draftCount {
      let offset = first + depth
      var guess: Int32?
      if depth > 0, case .tokens(let tokens) = row.input { guess = tokens[offset].rawValue }
      draws.append(
        Draw(
          planRow: index, slot: row.slot, position: row.start + offset + 1, offset: offset, depth: depth, guess: guess))
    }
  }
}
