/// Tokens of words met before: a table of fixed size in which a newer word takes the older one's place. Words over 16
/// bytes or 6 tokens are not kept. Belongs to one caller at a time.
struct WordCache {
  private struct Entry {
    var low: UInt64 = 0
    var high: UInt64 = 0
    /// 0 in an empty entry.
    var length: Int32 = 0
    var count: Int32 = 0
    var tokens: (Int32, Int32, Int32, Int32, Int32, Int32) = (0, 0, 0, 0, 0, 0)
  }

  private static let longest = 16
  private static let indexBits: UInt64 = 14

  private var entries = [Entry](repeating: Entry(), count: 1 << Int(indexBits))

  /// Appends the tokens of text[start..<end], from the table or by `encoder`.
  @inline(__always)
  mutating func encode(
    _ text: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int, by encoder: some SubwordEncoder,
    into result: inout [Int32]
  ) {
    let length = end - start
    guard length <= Self.longest else {
      unsafe encoder.encode(UnsafeBufferPointer(rebasing: text[start..<end]), into: &result)
      return
    }
    let (low, high) = unsafe Self.key(text, start, length)
    let mixed = (low ^ high.byteSwapped &* 0x9E37_79B9_7F4A_7C15 ^ UInt64(length)) &* 0xA076_1D64_78BD_642F
    let index = Int(mixed >> (64 - Self.indexBits))
    let hit = unsafe entries.withUnsafeBufferPointer { entries in
      let entry = unsafe entries[index]
      guard entry.low == low, entry.high == high, entry.length == Int32(length) else { return false }
      Self.append(entry, to: &result)
      return true
    }
    if hit { return }
    let first = result.count
    unsafe encoder.encode(UnsafeBufferPointer(rebasing: text[start..<end]), into: &result)
    keep(result[first...], at: index, Entry(low: low, high: high, length: Int32(length)))
  }

  @inline(__always)
  private static func append(_ entry: Entry, to result: inout [Int32]) {
    result.append(entry.tokens.0)
    if entry.count == 1 { return }
    result.append(entry.tokens.1)
    if entry.count == 2 { return }
    result.append(entry.tokens.2)
    if entry.count == 3 { return }
    result.append(entry.tokens.3)
    if entry.count == 4 { return }
    result.append(entry.tokens.4)
    if entry.count == 5 { return }
    result.append(entry.tokens.5)
  }

  @inline(never)
  private mutating func keep(_ tokens: ArraySlice<Int32>, at index: Int, _ key: Entry) {
    guard (1...6).contains(tokens.count) else { return }
    func token(_ place: Int) -> Int32 { place < tokens.count ? tokens[tokens.startIndex + place] : 0 }
    var entry = key
    entry.count = Int32(tokens.count)
    entry.tokens = (token(0), token(1), token(2), token(3), token(4), token(5))
    entries[index] = entry
  }

  /// The word's bytes, zeros behind them.
  @inline(__always)
  private static func key(_ text: UnsafeBufferPointer<UInt8>, _ start: Int, _ length: Int) -> (UInt64, UInt64) {
    guard start + longest <= text.count, let base = text.baseAddress else {
      var low: UInt64 = 0
      var high: UInt64 = 0
      for index in 0..<length {
        let byte = unsafe UInt64(text[start + index])
        if index < 8 { low |= byte << UInt64(8 * index) } else { high |= byte << UInt64(8 * (index - 8)) }
      }
      return (low, high)
    }
    let low = unsafe UnsafeRawPointer(base + start).loadUnaligned(as: UInt64.self)
    let high = unsafe UnsafeRawPointer(base + start + 8).loadUnaligned(as: UInt64.self)
    if length <= 8 { return (length == 8 ? low : low & ((1 << UInt64(8 * length)) &- 1), 0) }
    return (low, length == 16 ? high : high & ((1 << UInt64(8 * (length - 8))) &- 1))
  }
}
