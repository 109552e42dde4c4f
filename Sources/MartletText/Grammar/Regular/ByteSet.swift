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

  var members: [UInt8] { (0...255).filter { contains($0) } }

  static prefix func ~ (set: ByteSet) -> ByteSet { ByteSet(words: ~set.words) }
  static func & (left: ByteSet, right: ByteSet) -> ByteSet { ByteSet(words: left.words & right.words) }
  static func | (left: ByteSet, right: ByteSet) -> ByteSet { ByteSet(words: left.words | right.words) }
  static func &= (left: inout ByteSet, right: ByteSet) { left.words &= right.words }
  static func |= (left: inout ByteSet, right: ByteSet) { left.words |= right.words }
}
