/// Merges by pair of token ids: an open-addressing table, since a dictionary's hashing would dominate encoding.
struct PairTable: Sendable {
  private struct Entry {
    var key: UInt64 = .max
    var rank: Int32 = 0
    var merged: Int32 = 0
  }
  private var entries: [Entry]
  private let mask: Int

  /// Pairs with a part or a result outside the vocabulary never merge.
  init(_ merges: MergeList, spellings: SpellingTable) {
    var size = 16
    while size < merges.count * 2 { size *= 2 }
    entries = Array(repeating: Entry(), count: size)
    mask = size - 1
    let offsets = merges.spellings.offsets
    unsafe merges.spellings.bytes.withUnsafeBufferPointer { bytes in
      for rank in 0..<merges.count {
        let start = offsets[rank], end = offsets[rank + 1]
        let cut = start + Int(merges.leftLengths[rank])
        guard let left = unsafe spellings.find(UnsafeBufferPointer(rebasing: bytes[start..<cut])),
          let right = unsafe spellings.find(UnsafeBufferPointer(rebasing: bytes[cut..<end])),
          let merged = unsafe spellings.find(UnsafeBufferPointer(rebasing: bytes[start..<end]))
        else { continue }
        insert(left, right, rank: Int32(rank), merged: merged)
      }
    }
  }

  private func start(_ key: UInt64) -> Int { Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 24) & mask }

  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  /// Keeps the first rank of a repeated pair.
  private mutating func insert(_ left: Int32, _ right: Int32, rank: Int32, merged: Int32) {
    let key = Self.key(left, right)
    var index = start(key)
    while entries[index].key != .max {
      if entries[index].key == key { return }
      index = (index + 1) & mask
    }
    entries[index] = Entry(key: key, rank: rank, merged: merged)
  }

  @inline(__always)
  func find(_ left: Int32, _ right: Int32) -> (priority: Float, merged: Int32)? {
    let key = Self.key(left, right)
    var index = start(key)
    return unsafe entries.withUnsafeBufferPointer { entries in
      while true {
        let entry = unsafe entries[index]
        if entry.key == key { return (Float(entry.rank), entry.merged) }
        if entry.key == .max { return nil }
        index = (index + 1) & mask
      }
    }
  }
}
