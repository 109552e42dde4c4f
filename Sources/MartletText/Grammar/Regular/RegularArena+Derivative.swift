extension RegularArena {
  /// The derivative by `byte`, and a set of bytes that have the same one. It may match nothing without being
  /// `nothing`: `step` is exact.
  mutating func derivative(_ id: RegularID, by byte: UInt8) -> (id: RegularID, same: ByteSet) {
    let row = transitions.rowOf[Int(id)]
    if row >= 0 {
      let target = transitions.target(row, byte)
      return (target, transitions.bytes(row, to: target))
    }
    switch nodes[Int(id)] {
    case .nothing, .empty: return (Self.nothing, .all)
    case .bytes(let set): return set.contains(byte) ? (Self.empty, set) : (Self.nothing, ~set)
    case .sequence: return derivativeOfSequence(id, by: byte)
    case .choice(let parts):
      var same = ByteSet.all
      var results: [RegularID] = []
      for part in parts {
        let (result, set) = derivative(part, by: byte)
        same &= set
        if result != Self.nothing { results.append(result) }
      }
      return (choice(results), same)
    case .all(let parts):
      var same = ByteSet.all
      var results: [RegularID] = []
      for part in parts {
        let (result, set) = derivative(part, by: byte)
        if result == Self.nothing { return (Self.nothing, set) }
        same &= set
        results.append(result)
      }
      return (all(results), same)
    case .not(let part):
      let (result, same) = derivative(part, by: byte)
      return (not(result), same)
    case .repetition(let part, let minimum, let maximum):
      let (result, same) = derivative(part, by: byte)
      guard result != Self.nothing else { return (Self.nothing, same) }
      let rest = repetition(
        part, minimum: max(0, minimum - 1), maximum: maximum == RegularNode.unbounded ? nil : maximum - 1)
      return (sequence(result, rest), same)
    case .table(let table, let state):
      let base = Int(state) * 256
      let row = tables[Int(table)].transitions[base..<(base + 256)]
      let target = row[base + Int(byte)]
      let same = ByteSet((0...255).lazy.map { UInt8($0) }.filter { row[base + Int($0)] == target })
      return (target < 0 ? Self.nothing : intern(.table(table, target)), same)
    }
  }

  private mutating func derivativeOfSequence(_ id: RegularID, by byte: UInt8) -> (id: RegularID, same: ByteSet) {
    var same = ByteSet.all
    var results: [RegularID] = []
    var current = id
    while case .sequence(let first, let rest) = nodes[Int(current)] {
      let (result, set) = derivative(first, by: byte)
      same &= set
      if result != Self.nothing { results.append(sequence(result, rest)) }
      guard nullable[Int(first)] else { return (choice(results), same) }
      current = rest
    }
    let (result, set) = derivative(current, by: byte)
    results.append(result)
    return (choice(results), same & set)
  }

  /// The state after `byte`; `nothing` exactly when no continuation matches.
  mutating func step(_ id: RegularID, _ byte: UInt8) -> RegularID {
    switch transitions.rowOf[Int(id)] {
    case TransitionRows.literal:
      return transitions.literalByte[Int(id)] == byte ? transitions.literalNext[Int(id)] : Self.nothing
    case TransitionRows.missing:
      addRow(id)
      let row = transitions.rowOf[Int(id)]
      return row < 0 ? Self.nothing : transitions.target(row, byte)
    case let row: return transitions.target(row, byte)
    }
  }

  /// The bytes that some text of the state begins with.
  mutating func liveBytes(_ id: RegularID) -> ByteSet {
    if transitions.rowOf[Int(id)] == TransitionRows.missing { addRow(id) }
    switch transitions.rowOf[Int(id)] {
    case TransitionRows.missing: return .none
    case TransitionRows.literal: return ByteSet(CollectionOfOne(transitions.literalByte[Int(id)]))
    case let row: return ~transitions.bytes(row, to: Self.nothing)
    }
  }

  /// The bytes that lead from a state to `target`.
  mutating func bytes(from id: RegularID, to target: RegularID) -> ByteSet {
    if transitions.rowOf[Int(id)] == TransitionRows.missing { addRow(id) }
    switch transitions.rowOf[Int(id)] {
    case TransitionRows.missing: return .none
    case TransitionRows.literal:
      let only = ByteSet(CollectionOfOne(transitions.literalByte[Int(id)]))
      return target == Self.nothing ? ~only : target == transitions.literalNext[Int(id)] ? only : .none
    case let row: return transitions.bytes(row, to: target)
    }
  }

  /// Computes one transition of a state that has no row, for states that few texts reach.
  mutating func addSingle(_ id: RegularID, _ byte: UInt8) {
    let target = derivative(id, by: byte).id
    transitions.setSingle(id, byte, isLive(target) ? target : Self.nothing)
  }

  /// Computes the row of a state that has none.
  mutating func addRow(_ id: RegularID) {
    guard transitions.rowCount < maxRows else {
      exhaust("the number of automaton states")
      return
    }
    var row = rawRow(id)
    if hasBoolean[Int(id)] {
      var verdicts: [RegularID: Bool] = [:]
      for byte in 0..<256 where row[byte] != Self.nothing {
        let target = row[byte]
        let live = verdicts[target] ?? isLive(target)
        verdicts[target] = live
        if !live { row[byte] = Self.nothing }
      }
    }
    transitions.append(row, for: id)
  }

  /// 256 derivatives; one computation for each class of bytes.
  private mutating func rawRow(_ id: RegularID) -> [RegularID] {
    var row = [RegularID](repeating: Self.nothing, count: 256)
    var open = ByteSet.all
    while let byte = open.first {
      let (target, same) = derivative(id, by: byte)
      let fresh = same & open
      if target != Self.nothing { fresh.forEach { row[Int($0)] = target } }
      open &= ~same
      if exhausted != nil { break }
    }
    return row
  }

  /// Whether the expression matches anything.
  /// - Complexity: O(1) without complement and intersection; otherwise a search through derivatives, remembered.
  mutating func isLive(_ id: RegularID) -> Bool {
    guard hasBoolean[Int(id)] else { return id != Self.nothing }
    switch liveness[id] {
    case .live: return true
    case .dead: return false
    case .unknown: break
    }
    let live: Bool
    if nullable[Int(id)] {
      live = true
    } else {
      switch nodes[Int(id)] {
      case .sequence: live = isLiveSequence(id)
      case .choice(let parts):
        var found = false
        for part in parts where !found { found = isLive(part) }
        live = found
      case .repetition(let part, _, _): live = isLive(part)
      case .all(let parts) where isCertainlyLive(parts): live = true
      default:
        // What has room to be completed is live when it is without its limits.
        guard let relaxation = relaxation(id, explores: false) else { return search(id) }
        live = isLive(relaxation.id)
      }
    }
    liveness[id] = live ? .live : .dead
    return live
  }

  private mutating func isLiveSequence(_ id: RegularID) -> Bool {
    var current = id
    while case .sequence(let first, let rest) = nodes[Int(current)] {
      guard isLive(first) else { return false }
      current = rest
    }
    return isLive(current)
  }

  /// Depth-first search for a nullable derivative. Either a path of live states is found, or all states seen are dead.
  private mutating func search(_ start: RegularID) -> Bool {
    var parents: [RegularID: RegularID] = [start: start]
    var pending = [start]
    while let id = pending.popLast() {
      let isCertain = !hasBoolean[Int(id)] && id != Self.nothing
      if nullable[Int(id)] || isCertain || liveness[id] == .live {
        var current = id
        while true {
          liveness[current] = .live
          guard let parent = parents[current], parent != current else { break }
          current = parent
        }
        return true
      }
      if liveness[id] == .dead { continue }
      guard parents.count < 20_000, exhausted == nil else {
        exhaust("the search for a match of an intersection")
        return false
      }
      let targets: [RegularID]
      if let known = liveness.knownSuccessors(id) {
        targets = known
      } else {
        targets = Array(Set(rawRow(id))).sorted(by: >)
        liveness.setSuccessors(id, targets)
      }
      for target in targets where target != Self.nothing && parents[target] == nil {
        parents[target] = id
        pending.append(target)
      }
    }
    for id in parents.keys { liveness[id] = .dead }
    return false
  }
}
