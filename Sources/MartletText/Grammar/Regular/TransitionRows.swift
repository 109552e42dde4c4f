/// Transition rows of the expressions that serve as automaton states.
struct TransitionRows: Sendable {
  /// Row kinds below zero.
  static let missing: Int32 = -1
  static let literal: Int32 = -2

  /// By expression: a row index, `missing`, or `literal` for a state with one byte to read.
  private(set) var rowOf: [Int32] = []
  private(set) var literalByte: [UInt8] = []
  private(set) var literalNext: [RegularID] = []
  /// 256 targets a row: first those that copies share, then this one's own.
  private var sharedRows: [RegularID] = []
  private var ownRows: [RegularID] = []

  /// Transitions of states that have no row: by state and byte.
  private var singles: [UInt64: RegularID] = [:]

  var rowCount: Int { (sharedRows.count + ownRows.count) >> 8 }
  /// Rough memory, without what is shared.
  var byteCount: Int { ownRows.count * 4 + singles.count * 24 + rowOf.count * 9 }

  /// The rows as they are, for loops over many nodes.
  @unsafe struct Buffers {
    fileprivate let rowOf: UnsafeBufferPointer<Int32>
    fileprivate let literalByte: UnsafeBufferPointer<UInt8>
    fileprivate let literalNext: UnsafeBufferPointer<RegularID>
    fileprivate let shared: UnsafeBufferPointer<RegularID>
    fileprivate let own: UnsafeBufferPointer<RegularID>

    /// The target; -1 when the state has no row yet.
    @inline(__always)
    func next(_ state: RegularID, _ byte: UInt8) -> RegularID {
      let row = unsafe rowOf[Int(state)]
      if row >= 0 {
        let index = Int(row) << 8 | Int(byte)
        return unsafe index < shared.count ? shared[index] : own[index - shared.count]
      }
      if state == RegularArena.nothing { return RegularArena.nothing }
      guard row == TransitionRows.literal else { return -1 }
      return unsafe literalByte[Int(state)] == byte ? literalNext[Int(state)] : RegularArena.nothing
    }
  }

  func target(_ row: Int32, _ byte: UInt8) -> RegularID {
    let index = Int(row) << 8 | Int(byte)
    return index < sharedRows.count ? sharedRows[index] : ownRows[index - sharedRows.count]
  }

  /// The bytes that lead from a row to a target.
  func bytes(_ row: Int32, to target: RegularID) -> ByteSet {
    let isShared = Int(row) << 8 < sharedRows.count
    let base = isShared ? Int(row) << 8 : Int(row) << 8 - sharedRows.count
    return isShared
      ? ByteSet(sharedRows.span, from: base, equalTo: target) : ByteSet(ownRows.span, from: base, equalTo: target)
  }

  /// - Parameter body: gets states of this table only.
  @unsafe func withBuffers<Result>(_ body: (Buffers) -> Result) -> Result {
    unsafe rowOf.withUnsafeBufferPointer { rowOf in
      unsafe literalByte.withUnsafeBufferPointer { literalByte in
        unsafe literalNext.withUnsafeBufferPointer { literalNext in
          unsafe sharedRows.withUnsafeBufferPointer { shared in
            unsafe ownRows.withUnsafeBufferPointer { own in
              unsafe body(
                Buffers(rowOf: rowOf, literalByte: literalByte, literalNext: literalNext, shared: shared, own: own))
            }
          }
        }
      }
    }
  }

  /// The target; -1 when it is not known.
  func single(_ state: RegularID, _ byte: UInt8) -> RegularID { singles[Self.key(state, byte)] ?? -1 }

  mutating func setSingle(_ state: RegularID, _ byte: UInt8, _ target: RegularID) {
    singles[Self.key(state, byte)] = target
  }

  private static func key(_ state: RegularID, _ byte: UInt8) -> UInt64 {
    UInt64(UInt32(bitPattern: state)) << 8 | UInt64(byte)
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
    ownRows += row
  }

  /// Copies from now on share the rows that are there.
  mutating func share() {
    sharedRows += ownRows
    ownRows = []
  }
}
