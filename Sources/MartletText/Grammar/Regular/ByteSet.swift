/// A set of byte values.
struct ByteSet: Hashable, Sendable {
  private var words: SIMD4<UInt64>

  static let none = ByteSet(words: SIMD4(repeating: 0))
  static let all = ByteSet(words: SIMD4(repeating: .max))

  private init(words: SIMD4<UInt64>) { self.words = words }

  init(_ range: ClosedRange<UInt8>) {
    self = .none
    for byte in range { insert(byte) }
  }

  init(_ bytes: some Sequence<UInt8>) {
    self = .none
    for byte in bytes { insert(byte) }
  }

  /// The bytes whose value among the 256 from `start` is `wanted`.
  init(_ values: Span<Int32>, from start: Int, equalTo wanted: Int32) {
    self = .none
    precondition(start >= 0 && start + 256 <= values.count, "256 values")
    for index in 0..<4 {
      var word: UInt64 = 0
      for bit in 0..<64 {
        let isEqual: UInt64 = unsafe values[unchecked: start + index * 64 + bit] == wanted ? 1 : 0
        word |= isEqual &<< UInt64(bit)
      }
      words[index] = word
    }
  }

  var isEmpty: Bool { words == SIMD4(repeating: 0) }
  var count: Int { (0..<4).reduce(0) { $0 + words[$1].nonzeroBitCount } }

  func contains(_ byte: UInt8) -> Bool { words[Int(byte >> 6)] >> UInt64(byte & 63) & 1 == 1 }
  mutating func insert(_ byte: UInt8) { words[Int(byte >> 6)] |= 1 << UInt64(byte & 63) }

  /// The smallest member.
  var first: UInt8? {
    for index in 0..<4 where words[index] != 0 { return UInt8(index * 64 + words[index].trailingZeroBitCount) }
    return nil
  }

  /// The only member of a set of one.
  var single: UInt8? { count == 1 ? first : nil }

  /// Ascending.
  func forEach(_ body: (UInt8) -> Void) {
    for index in 0..<4 {
      var word = words[index]
      while word != 0 {
        body(UInt8(index * 64 + word.trailingZeroBitCount))
        word &= word - 1
      }
    }
  }

  var members: [UInt8] {
    var list: [UInt8] = []
    forEach { list.append($0) }
    return list
  }

  static prefix func ~ (set: ByteSet) -> ByteSet { ByteSet(words: ~set.words) }
  static func & (left: ByteSet, right: ByteSet) -> ByteSet { ByteSet(words: left.words & right.words) }
  static func | (left: ByteSet, right: ByteSet) -> ByteSet { ByteSet(words: left.words | right.words) }
  static func &= (left: inout ByteSet, right: ByteSet) { left.words &= right.words }
  static func |= (left: inout ByteSet, right: ByteSet) { left.words |= right.words }
}
