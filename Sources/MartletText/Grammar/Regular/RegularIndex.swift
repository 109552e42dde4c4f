/// Ids of expressions by what they are: a hash table of ids alone, cheap to copy.
struct RegularIndex: Sendable {
  private static let free: RegularID = -1

  /// A power of two, at most half of them taken.
  private var slots = [RegularID](repeating: RegularIndex.free, count: 64)
  private var count = 0

  /// The id for which `isWanted` holds among those with this hash value.
  func find(_ hash: Int, where isWanted: (RegularID) -> Bool) -> RegularID? {
    var slot = hash & (slots.count - 1)
    while slots[slot] != Self.free {
      if isWanted(slots[slot]) { return slots[slot] }
      slot = (slot + 1) & (slots.count - 1)
    }
    return nil
  }

  /// - Parameter rehash: the hash values of ids that are there.
  mutating func insert(_ id: RegularID, hash: Int, rehash: (RegularID) -> Int) {
    count += 1
    if count * 2 > slots.count {
      let old = slots
      slots = [RegularID](repeating: Self.free, count: old.count * 4)
      for known in old where known != Self.free { place(known, rehash(known)) }
    }
    place(id, hash)
  }

  private mutating func place(_ id: RegularID, _ hash: Int) {
    var slot = hash & (slots.count - 1)
    while slots[slot] != Self.free { slot = (slot + 1) & (slots.count - 1) }
    slots[slot] = id
  }
}
