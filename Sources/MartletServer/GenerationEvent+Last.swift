import MartletCore

extension GenerationEvent {
  /// Whether no event follows.
  var isLast: Bool { if case .finished = self { true } else { false } }
}
