/// Reads little-endian values from a mapped file; every read is checked against the end.
struct BoundedReader {
  let file: MappedFile
  private(set) var offset = 0

  init(file: MappedFile) { self.file = file }

  mutating func take(_ count: UInt64, _ field: String) throws(CheckpointError) -> Range<Int> {
    guard count <= UInt64(file.count - offset) else {
      throw CheckpointError(
        file: file.path, field: field,
        problem: "needs \(count) bytes at offset \(offset), but the file ends at \(file.count)",
        remedy: "the file is truncated or damaged: fetch it again")
    }
    let range = offset..<(offset + Int(count))
    offset = range.upperBound
    return range
  }

  mutating func integer<T: FixedWidthInteger>(_ type: T.Type, _ field: String) throws(CheckpointError) -> T {
    let range = try take(UInt64(MemoryLayout<T>.size), field)
    return unsafe T(littleEndian: file.bytes(range).loadUnaligned(as: T.self))
  }

  mutating func string(_ field: String) throws(CheckpointError) -> String {
    let length = try integer(UInt64.self, field)
    let range = try take(length, field)
    guard let text = unsafe String(validating: file.bytes(range), as: UTF8.self) else {
      throw CheckpointError(file: file.path, field: field, problem: "is not UTF-8 text")
    }
    return text
  }
}
