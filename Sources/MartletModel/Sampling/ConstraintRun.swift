import MartletCore

/// A constraint along the draws of one sequence's row: behind its last token, then behind each guess.
struct ConstraintRun: Sendable {
  /// In front of the first draw; nil behind a guess that the constraint does not allow.
  var state: (any TokenConstraintState)?
  /// By draw: the guess in front of it.
  var guesses: [Int32?] = []

  /// The masks by draw, and the state behind the last guess. Nil masks also behind a guess that cannot be right, as what is
  /// drawn there does not count.
  func walked() -> (masks: [[UInt32]?], state: (any TokenConstraintState)?) {
    var state = state
    var masks: [[UInt32]?] = []
    for guess in guesses {
      if let guess {
        if let words = state?.mask(), !Self.allows(guess, words) { state = nil }
        state?.advance(TokenID(guess))
      }
      masks.append(state?.mask())
    }
    return (masks, state)
  }

  private static func allows(_ token: Int32, _ mask: [UInt32]) -> Bool {
    token >= 0 && Int(token >> 5) < mask.count && mask[Int(token >> 5)] >> UInt32(token & 31) & 1 == 1
  }
}
