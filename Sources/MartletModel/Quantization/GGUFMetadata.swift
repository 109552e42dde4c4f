/// Metadata of a GGUF file to be written: keys in order, each with its encoded value.
package struct GGUFMetadata {
  private var keys: [String] = []
  /// Type number and value, as in the file.
  private var values: [String: [UInt8]] = [:]

  package init() {}

  /// What a file holds, bytes unchanged.
  init(copying file: GGUFFile) {
    for entry in file.metadataEntries { set(entry.key, unsafe Array(file.file.bytes(entry.range))) }
  }

  var count: Int { keys.count }

  private mutating func set(_ key: String, _ bytes: [UInt8]) {
    if values.updateValue(bytes, forKey: key) == nil { keys.append(key) }
  }

  mutating func remove(_ key: String) {
    if values.removeValue(forKey: key) != nil { keys.removeAll { $0 == key } }
  }

  package mutating func set(_ key: String, string: String) { set(key, Self.type(8) + Self.text(string)) }
  package mutating func set(_ key: String, bool: Bool) { set(key, Self.type(7) + [bool ? 1 : 0]) }
  package mutating func set(_ key: String, float: Float) { set(key, Self.type(6) + Self.little(float.bitPattern)) }

  /// - Parameter integer: at least 0 and below 2^32; the readers of such files check what they need.
  package mutating func set(_ key: String, integer: Int) {
    set(key, Self.type(4) + Self.little(UInt32(clamping: integer)))
  }

  package mutating func set(_ key: String, strings: [ArraySlice<UInt8>]) {
    var bytes = Self.array(8, strings.count)
    bytes.reserveCapacity(strings.reduce(bytes.count) { $0 + $1.count + 8 })
    for string in strings {
      bytes += Self.little(UInt64(string.count))
      bytes += string
    }
    set(key, bytes)
  }

  package mutating func set(_ key: String, floats: [Float]) {
    set(key, floats.reduce(into: Self.array(6, floats.count)) { $0 += Self.little($1.bitPattern) })
  }

  package mutating func set(_ key: String, integers: [Int32]) {
    set(key, integers.reduce(into: Self.array(5, integers.count)) { $0 += Self.little($1) })
  }

  /// All entries as they stand in a file.
  var encoded: [UInt8] {
    var bytes: [UInt8] = []
    for key in keys { bytes += Self.text(key) + (values[key] ?? []) }
    return bytes
  }

  static func text(_ text: String) -> [UInt8] { little(UInt64(text.utf8.count)) + Array(text.utf8) }

  static func little(_ value: some FixedWidthInteger) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(littleEndian: value)
    return bytes
  }

  private static func type(_ number: UInt32) -> [UInt8] { little(number) }

  private static func array(_ type: UInt32, _ count: Int) -> [UInt8] {
    Self.type(9) + Self.type(type) + little(UInt64(count))
  }
}
