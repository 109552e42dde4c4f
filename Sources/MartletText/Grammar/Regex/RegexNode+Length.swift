/// Lengths in characters. A limit on the length that can be written into the expression's repetitions needs no
/// intersection.
extension RegexNode {
  /// The expression of the texts with a length in `lengths` among those that it finds; nil when it does not match whole
  /// texts from `^` to `$`, or when the limit has no simple place.
  func limited(to lengths: ClosedRange<Int32>) -> RegexNode? {
    switch self {
    case .choice(let parts): return Self.all(parts.map { $0.limited(to: lengths) }).map { .choice($0) }
    case .sequence(let parts):
      guard parts.count >= 2, case .start? = parts.first, case .end? = parts.last else { return nil }
      let inner = RegexNode.sequence(Array(parts.dropFirst().dropLast()))
      guard !inner.isContextual else { return nil }
      return inner.restricted(to: lengths).map { .sequence([.start, $0, .end]) }
    case .empty, .set, .repetition, .start, .end, .lookahead: return nil
    }
  }

  /// A set of no character: it matches nothing.
  private static let nothing = RegexNode.set(.none)

  private static func all(_ parts: [RegexNode?]) -> [RegexNode]? {
    let known = parts.compactMap { $0 }
    return known.count == parts.count ? known : nil
  }

  /// Of a node without assertions.
  private func restricted(to lengths: ClosedRange<Int32>) -> RegexNode? {
    let own = self.lengths
    if lengths.contains(own.lowerBound), lengths.contains(own.upperBound) { return self }
    guard own.overlaps(lengths) else { return Self.nothing }
    switch self {
    case .empty, .set, .start, .end, .lookahead: return nil
    case .choice(let parts): return Self.all(parts.map { $0.restricted(to: lengths) }).map { .choice($0) }
    case .sequence(let parts):
      let open = parts.indices.filter { parts[$0].lengths.count > 1 }
      guard open.count == 1, let index = open.first else { return nil }
      let fixed = parts.indices.filter { $0 != index }.reduce(Int32(0)) { Self.sum($0, parts[$1].lengths.lowerBound) }
      guard fixed <= lengths.upperBound else { return Self.nothing }
      let upper = lengths.upperBound == Int32.max ? Int32.max : lengths.upperBound - fixed
      guard let inner = parts[index].restricted(to: max(0, lengths.lowerBound - fixed)...upper) else { return nil }
      var parts = parts
      parts[index] = inner
      return .sequence(parts)
    case .repetition(let part, let minimum, let maximum):
      let size = part.lengths
      if size.count == 1, size.lowerBound > 0 {
        let (least, rest) = lengths.lowerBound.quotientAndRemainder(dividingBy: size.lowerBound)
        let low = max(minimum, rest == 0 ? least : least + 1)
        let high = min(maximum ?? Int32.max, lengths.upperBound / size.lowerBound)
        guard low <= high else { return Self.nothing }
        return .repetition(part, minimum: low, maximum: lengths.upperBound == Int32.max ? maximum : high)
      }
      guard minimum == 0, maximum == 1, let once = part.restricted(to: lengths) else { return nil }
      return lengths.lowerBound == 0 ? .choice([.empty, once]) : once
    }
  }

  /// The lengths of the texts of a node without assertions; `Int32.max` when there is no limit.
  private var lengths: ClosedRange<Int32> {
    switch self {
    case .empty, .start, .end, .lookahead: return 0...0
    case .set: return 1...1
    case .sequence(let parts):
      let inner = parts.map(\.lengths)
      return inner.reduce(0) { Self.sum($0, $1.lowerBound) }...inner.reduce(0) { Self.sum($0, $1.upperBound) }
    case .choice(let parts):
      let inner = parts.map(\.lengths)
      return (inner.map(\.lowerBound).min() ?? 0)...(inner.map(\.upperBound).max() ?? 0)
    case .repetition(let part, let minimum, let maximum):
      let inner = part.lengths
      let high = inner.upperBound == 0 ? 0 : Self.product(inner.upperBound, maximum ?? Int32.max)
      return min(Self.product(inner.lowerBound, minimum), high)...high
    }
  }

  private static func sum(_ left: Int32, _ right: Int32) -> Int32 {
    let (result, isOver) = left.addingReportingOverflow(right)
    return isOver ? Int32.max : result
  }

  private static func product(_ left: Int32, _ right: Int32) -> Int32 {
    let (result, isOver) = left.multipliedReportingOverflow(by: right)
    return isOver ? Int32.max : result
  }
}
