/// Token ids by spelling: an open-addressing table over the token list's own bytes.
struct SpellingTable: Sendable {
  private static let absent: UInt64 = .max

  private let tokens: TokenList
  /// The hash's upper half and the id.
  private var slots: [UInt64]
  private let mask: Int

  /// The first of equal spellings is found; empty spellings are not.
  init(_ tokens: TokenList) {
    self.tokens = tokens
    var size = 16
    while size < tokens.count * 2 { size *= 2 }
    slots = Array(repeating: Self.absent, count: size)
    mask = size - 1
    unsafe tokens.bytes.withUnsafeBufferPointer { bytes in
      for id in 0..<tokens.count where tokens.length(id) > 0 {
        let spelling = unsafe UnsafeBufferPointer(rebasing: bytes[tokens.offsets[id]..<tokens.offsets[id + 1]])
        let hash = unsafe Self.hash(spelling)
        var index = Int(truncatingIfNeeded: hash) & mask
        while slots[index] != Self.absent, unsafe !matches(slots[index], hash, spelling, bytes) {
          index = (index + 1) & mask
        }
        if slots[index] == Self.absent { slots[index] = hash & 0xFFFF_FFFF_0000_0000 | UInt64(id) }
      }
    }
  }

  /// Eight bytes a step, each folded by a multiplication.
  @inline(__always)
  static func hash(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
    var hash = UInt64(bytes.count) &* 0x9E37_79B9_7F4A_7C15
    var position = 0
    while position < bytes.count {
      var word: UInt64 = 0
      let length = min(8, bytes.count - position)
      if length == 8, let base = bytes.baseAddress {
        word = unsafe UnsafeRawPointer(base + position).loadUnaligned(as: UInt64.self)
      } else {
        for index in 0..<length { word |= unsafe UInt64(bytes[position + index]) << UInt64(8 * index) }
      }
      let product = (hash ^ word).multipliedFullWidth(by: 0xA076_1D64_78BD_642F)
      hash = product.high ^ product.low
      position += length
    }
    let product = hash.multipliedFullWidth(by: 0xE703_7ED1_A0B4_28DB)
    return product.high ^ product.low
  }

  @inline(__always)
  private func matches(
    _ slot: UInt64, _ hash: UInt64, _ spelling: UnsafeBufferPointer<UInt8>, _ bytes: UnsafeBufferPointer<UInt8>
  ) -> Bool {
    guard (slot ^ hash) >> 32 == 0 else { return false }
    let id = Int(slot & 0xFFFF_FFFF)
    let start = tokens.offsets[id]
    guard tokens.offsets[id + 1] - start == spelling.count else { return false }
    for index in 0..<spelling.count where unsafe bytes[start + index] != spelling[index] { return false }
    return true
  }

  func find(_ spelling: UnsafeBufferPointer<UInt8>) -> Int32? {
    unsafe tokens.bytes.withUnsafeBufferPointer { bytes in
      let hash = unsafe Self.hash(spelling)
      var index = Int(truncatingIfNeeded: hash) & mask
      while slots[index] != Self.absent {
        if unsafe matches(slots[index], hash, spelling, bytes) { return Int32(slots[index] & 0xFFFF_FFFF) }
        index = (index + 1) & mask
      }
      return nil
    }
  }

  func find(_ spelling: ArraySlice<UInt8>) -> Int32? {
    unsafe spelling.withUnsafeBufferPointer { unsafe find($0) }
  }

  func find(_ spelling: String) -> Int32? { find(Array(spelling.utf8)[...]) }
}
