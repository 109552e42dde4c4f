/// A small deterministic automaton over bytes. Every state can reach an accepting one.
struct ByteTable: Sendable {
  /// States times 256; -1 where the automaton dies.
  let transitions: [Int32]
  let accepting: [Bool]
}
