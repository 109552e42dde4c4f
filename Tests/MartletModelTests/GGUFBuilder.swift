/// Builds small GGUF files for tests.
struct GGUFBuilder {
  private var metadata: [[UInt8]] = []
  private var tensors: [(name: String, shape: [Int], values: [Float])] = []

  static func bytes<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
    (0..<MemoryLayout<T>.size).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
  }

  private static func string(_ text: String) -> [UInt8] { bytes(UInt64(text.utf8.count)) + text.utf8 }

  mutating func set(_ key: String, _ value: String) {
    metadata.append(Self.string(key) + Self.bytes(UInt32(8)) + Self.string(value))
  }
  mutating func set(_ key: String, _ value: UInt32) {
    metadata.append(Self.string(key) + Self.bytes(UInt32(4)) + Self.bytes(value))
  }
  mutating func set(_ key: String, _ value: Float) {
    metadata.append(Self.string(key) + Self.bytes(UInt32(6)) + Self.bytes(value.bitPattern))
  }

  /// `shape` is row-major.
  mutating func add(_ name: String, _ shape: [Int], _ values: [Float]) { tensors.append((name, shape, values)) }

  var file: [UInt8] {
    var result =
      Array("GGUF".utf8) + Self.bytes(UInt32(3)) + Self.bytes(UInt64(tensors.count))
      + Self.bytes(UInt64(metadata.count))
    for entry in metadata { result += entry }
    var offset = 0
    var data: [UInt8] = []
    for tensor in tensors {
      result += Self.string(tensor.name) + Self.bytes(UInt32(tensor.shape.count))
      for size in tensor.shape.reversed() { result += Self.bytes(UInt64(size)) }
      result += Self.bytes(UInt32(0)) + Self.bytes(UInt64(offset))
      data += tensor.values.flatMap { Self.bytes($0.bitPattern) }
      while data.count % 32 != 0 { data.append(0) }
      offset = data.count
    }
    while result.count % 32 != 0 { result.append(0) }
    return result + data
  }
}
