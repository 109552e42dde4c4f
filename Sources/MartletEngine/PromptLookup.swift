import MartletCore

/// Finds what followed the last tokens of one sequence when they stood in it before (prompt lookup decoding: Saxena, 2023;
/// Yang et al., 2023), and keeps account of whether that pays.
struct PromptLookup {
  /// Tokens that must repeat.
  static let order = 3
  /// Where so many tokens repeat, a guess may be tried in advance; where fewer do, only from what guesses have won.
  private static let trusted = 8
  /// Older tokens than these are forgotten.
  private static let memory = 1 << 16
  /// Steps that guesses may cost in advance, and the share of all steps that they may cost for good.
  private static let advance: Float = 1, allowance: Float = 0.01
  private static let ceiling: Float = 4

  /// The position behind the latest place of each run of `order` tokens.
  private var places: [UInt64: Int32] = [:]
  private var indexed = 0
  /// Steps won less steps lost.
  private var balance = PromptLookup.advance
  private var hasWon = false
  /// Tokens to propose next: grows while all of them are right.
  private var length = 2
  private var prediction: PredictedOutput?
  /// Whether the last draft is the prediction's.
  private(set) var isPredicted = false

  /// - Parameter prediction: what goes before what stands in the sequence itself.
  init(prediction: PredictedOutput? = nil) { self.prediction = prediction }

  /// At most `limit` tokens that may follow `history`; empty when nothing repeats or guessing has not paid.
  /// - Parameter cost: of one proposed token, in steps.
  /// - Complexity: O(tokens since the last call), amortised.
  mutating func draft(after history: [TokenID], limit: Int, cost: Float) -> ArraySlice<TokenID> {
    // The run that ends the history is looked up before it is indexed itself.
    index(history, upTo: history.count - 1)
    var draft = prediction?.draft(after: history, limit: min(length, limit)) ?? []
    isPredicted = !draft.isEmpty
    if draft.isEmpty, limit > 0, history.count >= Self.order, let place = places[Self.key(history, history.count)],
      hasWon || Self.repeats(history, Self.trusted, from: Int(place))
    {
      draft = history[Int(place)...].prefix(min(length, limit))
    }
    // A right guess wins a step, so that a share of wrong ones is paid for; what is left must cover this one.
    guard balance > 0, balance >= min(cost * Float(draft.count), Self.advance) else { return [] }
    return draft
  }

  /// Takes account of a step in which `accepted` of `drafted` tokens were right.
  mutating func settle(drafted: Int, accepted: Int, cost: Float) {
    balance += Self.allowance
    if drafted > 0 {
      let gain = Float(accepted) - cost * Float(drafted)
      balance += gain
      hasWon = gain > 0 || (hasWon && balance > Self.advance)
      length = accepted == drafted ? length * 2 : max(1, accepted)
      length = min(length, 1 << 6)
    }
    balance = min(balance, Self.ceiling)
  }

  /// Whether the last `count` tokens are those in front of `place`.
  private static func repeats(_ history: [TokenID], _ count: Int, from place: Int) -> Bool {
    place >= count && history[(place - count)..<place].elementsEqual(history[(history.count - count)...])
  }

  private mutating func index(_ history: [TokenID], upTo end: Int) {
    if end - indexed > Self.memory { indexed = end - Self.memory }
    if places.count > 2 * Self.memory {
      let oldest = Int32(truncatingIfNeeded: end - Self.memory)
      places = places.filter { $0.value >= oldest }
    }
    while indexed < end {
      indexed += 1
      if indexed >= Self.order { places[Self.key(history, indexed)] = Int32(truncatingIfNeeded: indexed) }
    }
  }

  /// The `order` tokens in front of `end`, 21 bits each: vocabularies are smaller than 2^21.
  static func key(_ history: [TokenID], _ end: Int) -> UInt64 {
    history[(end - order)..<end].reduce(0) { $0 << 21 | UInt64(UInt32(bitPattern: $1.rawValue) & 0x1F_FFFF) }
  }
}
