/// Merges by pair of token ids: an open-addressing table, since a dictionary's hashing would dominate encoding.
struct PairTable: Sendable {
  private struct Entry {
    var key: UInt64 = .max
    var rank: Int32 = 0
    var merged: Int32 = 0
  }
  private var entries: [Entry]
  private let mask: Int

  init(capacity: Int) {
    var size = 16
    while size < capacity * 2 { size *= 2 }
    entries = Array(repeating: Entry(), count: size)
    mask = size - 1
  }

  private func start(_ key: UInt64) -> Int { Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 20) & mask }

  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  /// Keeps the first rank of a repeated pair.
  mutating func insert(_ left: Int32, _ right: Int32, rank: Int32, merged: Int32) {
    let key = Self.key(left, right)
    var index = start(key)
    while entries[index].key != .max {
      if entries[index].key == key { return }
      index = (index + 1) & mask
    }
    entries[index] = Entry(key: key, rank: rank, merged: merged)
  }

  @inline(__always)
  func find(_ left: Int32, _ right: Int32) -> (rank: Int32, merged: Int32)? {
    let key = Self.key(left, right)
    var index = start(key)
    while true {
      let entry = entries[index]
      if entry.key == key { return (entry.rank, entry.merged) }
      if entry.key == .max { return nil }
      index = (index + 1) & mask
    }
  }
}
