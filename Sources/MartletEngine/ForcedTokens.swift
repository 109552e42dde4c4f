import MartletCore

/// What a constraint says must follow a sequence's last token, cut into tokens as its tokenizer would: guesses that are
/// right unless the model cuts text in ways of its own. Then they are left.
struct ForcedTokens {
  private static let fade: Float = 0.95
  private static let worst: Float = 0.5

  /// Empty once they have been used.
  var next: [TokenID] = []
  private var right: Float = 4
  private var all: Float = 4

  /// Whether enough of them have been right for a further one.
  /// - Parameter cost: of one token, in steps of the sequence.
  func pays(cost: Float) -> Bool { right >= max(Self.worst, cost) * all }

  /// Takes account of a step that checked `drafted` of them; false when its guesses came from elsewhere.
  mutating func settle(drafted: Int, accepted: Int) -> Bool {
    guard !next.isEmpty else { return false }
    next = []
    right = right * Self.fade + Float(accepted)
    all = all * Self.fade + Float(drafted)
    return true
  }
}
