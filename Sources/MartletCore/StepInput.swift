/// The tokens that a row feeds to the model.
package enum StepInput: Sendable, Equatable {
  case tokens([TokenID])
  /// The one token that the slot's last row sampled, whether or not the host has seen it.
  case lastSampled

  package var count: Int {
    switch self {
    case .tokens(let tokens): tokens.count
    case .lastSampled: 1
    }
  }
}
