/// What the form of an expression shows.
extension RegularArena {
  func isNullable(_ node: RegularNode) -> Bool {
    switch node {
    case .nothing, .bytes: false
    case .empty: true
    case .sequence(let first, let second): nullable[Int(first)] && nullable[Int(second)]
    case .choice(let parts): parts.contains { nullable[Int($0)] }
    case .all(let parts): parts.allSatisfy { nullable[Int($0)] }
    case .not(let part): !nullable[Int(part)]
    case .repetition(let part, let minimum, _): minimum == 0 || nullable[Int(part)]
    case .table(let table, let state): tables[Int(table)].accepting[Int(state)]
    }
  }

  func isBoolean(_ node: RegularNode) -> Bool {
    switch node {
    case .nothing, .empty, .bytes, .table: false
    case .sequence(let first, let second): hasBoolean[Int(first)] || hasBoolean[Int(second)]
    case .choice(let parts): parts.contains { hasBoolean[Int($0)] }
    case .all, .not: true
    case .repetition(let part, _, _): hasBoolean[Int(part)]
    }
  }

  /// An upper bound.
  func alphabet(of node: RegularNode) -> ByteSet {
    switch node {
    case .nothing, .empty: .none
    case .bytes(let set): set
    case .sequence(let first, let second): alphabet[Int(first)] | alphabet[Int(second)]
    case .choice(let parts): parts.reduce(.none) { $0 | alphabet[Int($1)] }
    case .all(let parts): parts.reduce(.all) { $0 & alphabet[Int($1)] }
    case .not, .table: .all
    case .repetition(let part, _, _): alphabet[Int(part)]
    }
  }

  /// False where complement or intersection would have to be looked into.
  func isInfinite(_ node: RegularNode) -> Bool {
    switch node {
    case .nothing, .empty, .bytes, .all, .not, .table: false
    case .sequence(let first, let second): isInfinite[Int(first)] || isInfinite[Int(second)]
    case .choice(let parts): parts.contains { isInfinite[Int($0)] }
    case .repetition(let part, _, let maximum):
      !hasBoolean[Int(part)] && (maximum == RegularNode.unbounded || isInfinite[Int(part)])
    }
  }

  /// Bytes of which an unlimited repetition matches all texts; nil for other expressions.
  func loopBytes(_ id: RegularID) -> ByteSet? {
    guard case .repetition(let part, minimum: 0, maximum: RegularNode.unbounded) = nodes[Int(id)] else { return nil }
    switch nodes[Int(part)] {
    case .bytes(let set): return set
    case .choice(let parts):
      for part in parts { if case .bytes(let set) = nodes[Int(part)] { return set } }
      return nil
    case .nothing, .empty, .sequence, .all, .not, .repetition, .table: return nil
    }
  }

  /// Whether the form of `loop` shows that it matches all texts of `other`: a loop over all that these are made of, or one
  /// up to the mark with which they end, as in what is left of a quoted string.
  func admits(_ loop: RegularID, _ other: RegularID) -> Bool {
    if let bytes = loopBytes(loop) { return (alphabet[Int(other)] & ~bytes).isEmpty }
    guard case .sequence(let first, let mark) = nodes[Int(loop)], case .bytes = nodes[Int(mark)],
      let bytes = loopBytes(first)
    else { return false }
    var rest = other
    while case .sequence(let part, let next) = nodes[Int(rest)] {
      guard (alphabet[Int(part)] & ~bytes).isEmpty else { return false }
      rest = next
    }
    return rest == mark
  }

  /// Whether a state's texts begin with the same two bytes.
  func beginsWithTwoBytes(_ id: RegularID) -> Bool {
    transitions.rowOf[Int(id)] == TransitionRows.literal
      && transitions.rowOf[Int(transitions.literalNext[Int(id)])] == TransitionRows.literal
  }

  /// Whether an intersection shows that it matches something: texts of any length, of which complements of finite
  /// languages take a few.
  func isCertainlyLive(_ parts: [RegularID]) -> Bool {
    var loops = 0
    for part in parts {
      if case .not(let excluded) = nodes[Int(part)] {
        guard isFinite(excluded) else { return false }
      } else {
        guard !hasBoolean[Int(part)], isInfinite[Int(part)] else { return false }
        loops += 1
      }
    }
    return loops <= 1
  }

  private func isFinite(_ id: RegularID) -> Bool {
    if case .table = nodes[Int(id)] { return false }
    return !hasBoolean[Int(id)] && !mayHaveTable(id) && !isInfinite[Int(id)]
  }

  /// Tables have full alphabets; what has none cannot hold a table.
  private func mayHaveTable(_ id: RegularID) -> Bool { (~alphabet[Int(id)]).isEmpty }
}
