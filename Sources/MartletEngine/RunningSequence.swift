import MartletCore

/// A generation that holds a slot and pages.
struct RunningSequence {
  var state: SequenceState
  let slot: SlotIndex
  /// The root of the request's namespace.
  let root: PrefixCache.Node
  /// Pages of positions 0..., in order. The first `cachedPages` are the path from the root in the prefix cache.
  var pages: [PageIndex]
  var cachedPages: Int
  /// False once a page could not enter the cache: then none after it can.
  var isCacheable = true
  /// Positions whose keys and values are computed by planned steps.
  var planned: Int
  /// Positions that are computed from known tokens before the sequence decodes.
  let prefillEnd: Int
  /// The next prompt position that a planned step will score.
  var nextScored: Int
  /// The next prompt position whose hidden state a planned step will give.
  var nextPooled: Int
  /// The edge that this sequence is about to add to the tree.
  var pendingEdge: PrefixCache.Edge?

  var isPrefilling: Bool { planned < prefillEnd }

  var decodes: Bool {
    !isPrefilling && state.generatedCount + state.samplesInFlight < state.request.stop.maxTokens
  }

  /// Where the cached part of the path ends.
  var cachedEnd: PrefixCache.Node {
    cachedPages == 0 ? root : PrefixCache.Node(rawValue: Int(pages[cachedPages - 1].rawValue))
  }

  /// The next part of the prompt, at most `budget` tokens.
  mutating func prefillRow(budget: Int, pageSize: Int) -> StepRow {
    let start = planned
    let end = min(prefillEnd, start + budget)
    let samples = end == prefillEnd && state.request.stop.maxTokens > 0
    var scored = 0..<0
    let promptEnd = state.request.prompt.count
    if nextScored < promptEnd {
      let lower = nextScored - 1
      let upper = min(end, promptEnd - 1)
      if lower < upper {
        scored = (lower - start)..<(upper - start)
        nextScored = upper + 1
      }
    }
    planned = end
    if samples { state.samplesInFlight += 1 }
    var row = StepRow(
      request: state.id, slot: slot, input: .tokens(Array(state.history[start..<end])), start: start,
      pages: Array(pages[..<((end + pageSize - 1) / pageSize)]), samples: samples, promptLogprobs: scored)
    if nextPooled < min(end, promptEnd) {
      row.pooled = (nextPooled - start)..<(min(end, promptEnd) - start)
      nextPooled = min(end, promptEnd)
    }
    return row
  }

  /// The next token.
  /// - Parameters:
  ///   - draft: what stands behind it, whose pages are there; nil where the host may not have seen the token.
  ///   - isForced: it is written without a draw, in place of being guesses.
  mutating func decodeRow(draft: [TokenID]?, isForced: Bool = false, pageSize: Int) -> StepRow {
    let start = planned
    planned += 1 + (draft?.count ?? 0)
    state.samplesInFlight += 1
    guard let draft, let last = state.history.last else {
      return StepRow(
        request: state.id, slot: slot, input: .lastSampled, start: start, pages: pages(through: planned, pageSize),
        samples: true)
    }
    var row = StepRow(
      request: state.id, slot: slot, input: .tokens([last] + draft), start: start,
      pages: pages(through: planned, pageSize), samples: true, draftCount: isForced ? 0 : draft.count)
    if isForced { row.forcedCount = draft.count }
    return row
  }

  /// Rejected guesses can leave a page that is not used yet.
  private func pages(through end: Int, _ pageSize: Int) -> [PageIndex] {
    let count = (end + pageSize - 1) / pageSize
    return count == pages.count ? pages : Array(pages[..<count])
  }
}
