/// Expressions without their large repetition limits. Texts of at most `bound` bytes match both or neither, so that states
/// that differ in how far they have counted look alike to tokens that are short against what is left.
struct RelaxedExpression: Sendable {
  let id: RegularID
  /// The smallest limit that was dropped; `unbounded` when the expression had none.
  let bound: Int32
}

extension RegularArena {
  /// Repetitions that leave less freedom are kept.
  private static let minimumFreedom: Int32 = 8
  private static let maxStates = 16

  /// The expression that limits repetitions nowhere, and how many bytes it takes to tell the two apart in tokens. Nil
  /// when the expression has no large limit, or no bound is found cheaply.
  /// - Parameter explores: whether a bound that is not known yet is looked for in the expression's states.
  mutating func relaxation(_ id: RegularID, explores: Bool = true) -> (id: RegularID, slack: Int)? {
    let result = relaxed(id)
    guard result.id != id, exhausted == nil else { return nil }
    // Without complement and intersection, what has begun within the limits can be ended within them.
    guard hasBoolean[Int(id)] else { return (result.id, Int(result.bound)) }
    guard explores || completions[result.id] != nil else { return nil }
    guard let completion = longestCompletion(result.id), completion < result.bound else { return nil }
    return (result.id, Int(result.bound - completion))
  }

  /// - Complexity: O(expressions inside that were not seen before).
  private mutating func relaxed(_ id: RegularID) -> RelaxedExpression {
    if let known = relaxations[id] { return known }
    var result = RelaxedExpression(id: id, bound: RegularNode.unbounded)
    switch nodes[Int(id)] {
    case .nothing, .empty, .bytes, .not, .table: break
    case .sequence:
      var parts: [RelaxedExpression] = []
      var rest = id
      while case .sequence(let first, let next) = nodes[Int(rest)] {
        parts.append(relaxed(first))
        rest = next
      }
      parts.append(relaxed(rest))
      result = joined(id, parts) { $0.sequence($1) }
    case .choice(let inner): result = joined(id, inner.map { relaxed($0) }) { $0.choice($1) }
    case .all(let inner): result = joined(id, inner.map { relaxed($0) }) { $0.all($1) }
    case .repetition(let part, let minimum, let maximum):
      let inner = relaxed(part)
      if maximum == RegularNode.unbounded || maximum - minimum < Self.minimumFreedom {
        if inner.id != part {
          let limit = maximum == RegularNode.unbounded ? nil : maximum
          result = RelaxedExpression(
            id: repetition(inner.id, minimum: minimum, maximum: limit), bound: inner.bound)
        }
      } else {
        result = RelaxedExpression(
          id: repetition(inner.id, minimum: minimum, maximum: nil), bound: min(inner.bound, maximum))
      }
    }
    relaxations[id] = result
    return result
  }

  private mutating func joined(
    _ id: RegularID, _ parts: [RelaxedExpression], _ join: (inout RegularArena, [RegularID]) -> RegularID
  ) -> RelaxedExpression {
    guard let bound = parts.map(\.bound).min(), bound != RegularNode.unbounded else {
      return RelaxedExpression(id: id, bound: RegularNode.unbounded)
    }
    return RelaxedExpression(id: join(&self, parts.map(\.id)), bound: bound)
  }

  /// An upper bound on how many bytes complete any text that begins like one of the expression's. Nil when the
  /// expression has many states with intersections, or no small bound shows.
  private mutating func longestCompletion(_ start: RegularID) -> Int32? {
    if let known = completions[start] { return known }
    var order = [start]
    var indices: [RegularID: Int] = [start: 0]
    var targets: [[RegularID]] = []
    while targets.count < order.count {
      guard order.count <= Self.maxStates, exhausted == nil else { return remember(order, nil) }
      let id = order[targets.count]
      let successors = successors(id)
      targets.append(successors)
      for target in successors where hasBoolean[Int(target)] && indices[target] == nil {
        indices[target] = order.count
        order.append(target)
      }
    }
    var longest: Int32 = 0
    var distances = order.map { nullable[Int($0)] ? Int32(0) : Int32.max }
    var isSettled = false
    while !isSettled {
      isSettled = true
      for (index, list) in targets.enumerated() {
        for target in list {
          let distance = indices[target].map { distances[$0] } ?? lengths(target).completion
          guard distance < Int32.max - 1, distance + 1 < distances[index] else { continue }
          distances[index] = distance + 1
          isSettled = false
        }
      }
    }
    for distance in distances { longest = max(longest, distance) }
    for list in targets {
      for target in list where indices[target] == nil { longest = max(longest, lengths(target).completion) }
    }
    return remember(order, longest == Int32.max ? nil : longest)
  }

  /// The states after one byte, ascending.
  private mutating func successors(_ id: RegularID) -> [RegularID] {
    var found: Set<RegularID> = []
    var last = Self.nothing
    for byte in UInt8.min...UInt8.max {
      let target = step(id, byte)
      if target != last, target != Self.nothing { found.insert(target) }
      last = target
    }
    return found.sorted()
  }

  /// What holds for all states that one reaches holds for those that each of them reaches.
  private mutating func remember(_ states: [RegularID], _ completion: Int32?) -> Int32? {
    for state in states where completions[state] == nil { completions[state] = .some(completion) }
    return completion
  }

  /// The length of the shortest text, and an upper bound on that of what completes any beginning, of an expression
  /// without complement and intersection; saturates.
  private mutating func lengths(_ id: RegularID) -> ExpressionLengths {
    if let known = expressionLengths[id] { return known }
    let result: ExpressionLengths
    switch nodes[Int(id)] {
    case .nothing, .empty: result = ExpressionLengths(shortest: 0, completion: 0)
    case .bytes: result = ExpressionLengths(shortest: 1, completion: 1)
    case .all, .not, .table: result = .unknown
    case .choice(let parts):
      let inner = parts.map { lengths($0) }
      result = ExpressionLengths(
        shortest: inner.map(\.shortest).min() ?? 0, completion: inner.map(\.completion).max() ?? 0)
    case .repetition(let part, let minimum, _):
      let inner = lengths(part)
      result = inner.repeated(minimum)
    case .sequence:
      var parts: [RegularID] = []
      var rest = id
      while case .sequence(let first, let next) = nodes[Int(rest)] {
        parts.append(first)
        rest = next
      }
      var total = lengths(rest)
      for part in parts.reversed() { total = lengths(part).followed(by: total) }
      result = total
    }
    expressionLengths[id] = result
    return result
  }
}
