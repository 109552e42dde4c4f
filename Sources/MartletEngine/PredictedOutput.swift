import MartletCore

/// Follows a generation through the text that its client has predicted. Where the two part, the prediction is taken up
/// again behind the next run of tokens that both have.
struct PredictedOutput {
  private let tokens: [TokenID]
  /// The positions behind each run of `PromptLookup.order` tokens, in order.
  private var places: [UInt64: [Int]] = [:]
  /// How much of the history has been compared.
  private var seen: Int
  /// The next token of the prediction, and whether the last one of the history is the one before it.
  private var cursor = 0
  private var follows = true

  /// - Parameter start: length of the prompt.
  init(_ tokens: [TokenID], start: Int) {
    self.tokens = tokens
    seen = start
    guard tokens.count >= PromptLookup.order else { return }
    for end in PromptLookup.order...tokens.count { places[PromptLookup.key(tokens, end), default: []].append(end) }
  }

  /// What the prediction has next, at most `limit` tokens; empty where it has been lost or ends.
  /// - Complexity: O(tokens since the last call + places of one run).
  mutating func draft(after history: [TokenID], limit: Int) -> ArraySlice<TokenID> {
    while seen < history.count {
      follows = cursor < tokens.count && tokens[cursor] == history[seen]
      if follows { cursor += 1 }
      seen += 1
    }
    if !follows, history.count >= PromptLookup.order,
      let place = places[PromptLookup.key(history, history.count)]?.first(where: { $0 >= cursor })
    {
      cursor = place
      follows = true
    }
    return follows && limit > 0 ? tokens[cursor...].prefix(limit) : []
  }
}
