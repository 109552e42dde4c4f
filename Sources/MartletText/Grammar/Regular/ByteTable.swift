/// A small deterministic automaton over bytes. Every state can reach an accepting one.
struct ByteTable: Sendable {
  /// States times 256; -1 where the automaton dies.
  let transitions: [Int32]
  let accepting: [Bool]
}

extension ByteTable {
  /// The automaton without transitions to states that cannot accept.
  /// - Complexity: O(256 states²) at worst; a few passes in practice.
  static func trimmed(_ transitions: [Int32], _ accepting: [Bool]) -> ByteTable {
    var live = accepting
    var changed = true
    while changed {
      changed = false
      for state in live.indices.reversed() where !live[state] {
        let row = transitions[(state * 256)..<(state * 256 + 256)]
        if row.contains(where: { $0 >= 0 && live[Int($0)] }) {
          live[state] = true
          changed = true
        }
      }
    }
    return ByteTable(
      transitions: transitions.map { $0 >= 0 && live[Int($0)] ? $0 : -1 }, accepting: accepting)
  }
}
