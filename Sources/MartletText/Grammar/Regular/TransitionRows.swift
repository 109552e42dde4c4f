/// Transition rows of the expressions that serve as automaton states.
struct TransitionRows: Sendable {
  /// Row kinds below zero.
  static let missing: Int32 = -1
  static let literal: Int32 = -2

  /// By expression: a row index, `missing`, or `literal` for a state with one byte to read.
  private(set) var rowOf: [Int32] = []
  private(set) var literalByte: [UInt8] = []
  private(set) var literalNext: [RegularID] = []
  /// 256 targets a row.
  private(set) var rows: [RegularID] = []

  var rowCount: Int { rows.count >> 8 }

  /// Nil when the state has no row yet.
  @inline(__always)
  func known(_ state: RegularID, _ byte: UInt8) -> RegularID? {
    let row = rowOf[Int(state)]
    if row >= 0 { return rows[Int(row) << 8 | Int(byte)] }
    if state == RegularArena.nothing { return RegularArena.nothing }
    guard row == Self.literal else { return nil }
    return literalByte[Int(state)] == byte ? literalNext[Int(state)] : RegularArena.nothing
  }

  mutating func grow() {
    rowOf.append(Self.missing)
    literalByte.append(0)
    literalNext.append(0)
  }

  mutating func setLiteral(_ id: RegularID, _ byte: UInt8, _ next: RegularID) {
    rowOf[Int(id)] = Self.literal
    literalByte[Int(id)] = byte
    literalNext[Int(id)] = next
  }

  mutating func append(_ row: [RegularID], for id: RegularID) {
    rowOf[Int(id)] = Int32(rowCount)
    rows += row
  }
}
