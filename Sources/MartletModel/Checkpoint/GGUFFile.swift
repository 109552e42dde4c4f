/// A GGUF file (versions 2 and 3, little-endian), checked as a whole before anything is used.
/// Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
package final class GGUFFile: Sendable {
  package let file: MappedFile
  let metadata: [String: GGUFValue]
  /// Keys in the file's order, and where their type numbers and values lie.
  let metadataEntries: [(key: String, range: Range<Int>)]
  /// Tensors by the file's own names.
  let tensors: [String: CheckpointTensor]
  /// Types of tensors that exist but cannot be computed with.
  let unsupported: [String: UInt32]

  package init(path: String) throws(CheckpointError) {
    let file = try MappedFile(path: path)
    var reader = BoundedReader(file: file)
    let magic = try reader.integer(UInt32.self, "magic")
    guard magic == 0x4655_4747 else {
      throw CheckpointError(
        file: path, field: "magic", problem: "is not GGUF", remedy: "give a GGUF file or a Hugging Face folder")
    }
    let version = try reader.integer(UInt32.self, "version")
    guard version == 2 || version == 3 else {
      throw CheckpointError(
        file: path, field: "version", problem: "is \(version); 2 and 3 are supported", remedy: "convert the file again")
    }
    let tensorCount = try reader.integer(UInt64.self, "tensor_count")
    let metadataCount = try reader.integer(UInt64.self, "metadata_kv_count")
    // The smallest entry of each kind bounds what a file of this size can hold.
    guard tensorCount <= UInt64(file.count / 24), metadataCount <= UInt64(file.count / 13) else {
      throw CheckpointError(file: path, field: "tensor_count", problem: "counts more entries than the file can hold")
    }
    (metadata, metadataEntries) = try Self.readMetadata(&reader, count: Int(metadataCount))
    (tensors, unsupported) = try Self.readTensors(&reader, count: Int(tensorCount), metadata: metadata)
    self.file = file
  }

  private static func readMetadata(
    _ reader: inout BoundedReader, count: Int
  ) throws(CheckpointError) -> ([String: GGUFValue], [(key: String, range: Range<Int>)]) {
    var metadata: [String: GGUFValue] = [:]
    var entries: [(key: String, range: Range<Int>)] = []
    metadata.reserveCapacity(min(count, 4096))
    for index in 0..<count {
      let key = try reader.string("metadata key \(index)")
      let start = reader.offset
      let type = try reader.integer(UInt32.self, key)
      guard metadata.updateValue(try readValue(&reader, type: type, key: key), forKey: key) == nil else {
        throw CheckpointError(file: reader.file.path, field: key, problem: "appears twice")
      }
      entries.append((key, start..<reader.offset))
    }
    return (metadata, entries)
  }

  private static func readValue(
    _ reader: inout BoundedReader, type: UInt32, key: String
  ) throws(CheckpointError) -> GGUFValue {
    switch type {
    case 0: .unsigned(UInt64(try reader.integer(UInt8.self, key)))
    case 1: .signed(Int64(try reader.integer(Int8.self, key)))
    case 2: .unsigned(UInt64(try reader.integer(UInt16.self, key)))
    case 3: .signed(Int64(try reader.integer(Int16.self, key)))
    case 4: .unsigned(UInt64(try reader.integer(UInt32.self, key)))
    case 5: .signed(Int64(try reader.integer(Int32.self, key)))
    case 6: .float(Double(Float(bitPattern: try reader.integer(UInt32.self, key))))
    case 7: .bool(try reader.integer(UInt8.self, key) != 0)
    case 8: .string(try reader.string(key))
    case 9: try readArray(&reader, key: key)
    case 10: .unsigned(try reader.integer(UInt64.self, key))
    case 11: .signed(try reader.integer(Int64.self, key))
    case 12: .float(Double(bitPattern: try reader.integer(UInt64.self, key)))
    default:
      throw CheckpointError(file: reader.file.path, field: key, problem: "has the unknown value type \(type)")
    }
  }

  private static func readArray(_ reader: inout BoundedReader, key: String) throws(CheckpointError) -> GGUFValue {
    let type = try reader.integer(UInt32.self, key)
    let count = try reader.integer(UInt64.self, key)
    guard count <= UInt64(reader.file.count) else {
      throw CheckpointError(file: reader.file.path, field: key, problem: "has more elements than the file has bytes")
    }
    let start = reader.offset
    if let size = GGUFValue.size(ofType: type) {
      _ = try reader.take(count * UInt64(size), key)
    } else if type == 8 {
      for _ in 0..<Int(count) { _ = try reader.take(try reader.integer(UInt64.self, key), key) }
    } else {
      throw CheckpointError(file: reader.file.path, field: key, problem: "is an array of the unsupported type \(type)")
    }
    return .array(type: type, count: Int(count), range: start..<reader.offset)
  }

  private struct TensorEntry {
    let name: String
    let type: UInt32
    let shape: [Int]
    let offset: UInt64
  }

  private static func readEntry(_ reader: inout BoundedReader, index: Int) throws(CheckpointError) -> TensorEntry {
    let path = reader.file.path
    let name = try reader.string("tensor name \(index)")
    let dimensionCount = try reader.integer(UInt32.self, name)
    guard (1...4).contains(dimensionCount) else {
      throw CheckpointError(file: path, field: name, problem: "has \(dimensionCount) dimensions; 1 to 4 are allowed")
    }
    var shape: [Int] = []
    var product: UInt64 = 1
    for _ in 0..<dimensionCount {
      let size = try reader.integer(UInt64.self, name)
      let (next, overflow) = product.multipliedReportingOverflow(by: size)
      guard size > 0, size <= UInt64(Int32.max), !overflow, next <= UInt64(1) << 48 else {
        throw CheckpointError(file: path, field: name, problem: "has a dimension of \(size)")
      }
      product = next
      shape.insert(Int(size), at: 0)
    }
    let type = try reader.integer(UInt32.self, name)
    return TensorEntry(name: name, type: type, shape: shape, offset: try reader.integer(UInt64.self, name))
  }

  private static func readTensors(
    _ reader: inout BoundedReader, count: Int, metadata: [String: GGUFValue]
  ) throws(CheckpointError) -> ([String: CheckpointTensor], [String: UInt32]) {
    let file = reader.file
    var entries: [TensorEntry] = []
    for index in 0..<count { entries.append(try readEntry(&reader, index: index)) }
    var alignment: UInt64 = 32
    if let value = metadata["general.alignment"] {
      guard case .unsigned(let given) = value, given.nonzeroBitCount == 1, given >= 8, given <= 1 << 20 else {
        throw CheckpointError(
          file: file.path, field: "general.alignment", problem: "is not a power of two from 8 to 1 MiB")
      }
      alignment = given
    }
    let base = (UInt64(reader.offset) + alignment - 1) / alignment * alignment
    var tensors: [String: CheckpointTensor] = [:]
    var unsupported: [String: UInt32] = [:]
    var used: [(range: Range<Int>, name: String)] = []
    for entry in entries {
      guard tensors[entry.name] == nil, unsupported[entry.name] == nil else {
        throw CheckpointError(file: file.path, field: entry.name, problem: "appears twice")
      }
      guard let dtype = CheckpointDType(ggufType: entry.type) else {
        unsupported[entry.name] = entry.type
        continue
      }
      let tensor = try place(entry, dtype: dtype, base: base, alignment: alignment, file: file)
      used.append((tensor.range, entry.name))
      tensors[entry.name] = tensor
    }
    used.sort { $0.range.lowerBound < $1.range.lowerBound }
    for (earlier, later) in zip(used, used.dropFirst()) where later.range.lowerBound < earlier.range.upperBound {
      throw CheckpointError(file: file.path, field: later.name, problem: "overlaps the tensor \(earlier.name)")
    }
    return (tensors, unsupported)
  }

  private static func place(
    _ entry: TensorEntry, dtype: CheckpointDType, base: UInt64, alignment: UInt64, file: MappedFile
  ) throws(CheckpointError) -> CheckpointTensor {
    let block = dtype.block
    guard let columns = entry.shape.last, columns % block.elements == 0 else {
      throw CheckpointError(
        file: file.path, field: entry.name,
        problem: "rows are not a multiple of the block of \(block.elements) elements")
    }
    let bytes = UInt64(entry.shape.reduce(1, *) / block.elements) * UInt64(block.bytes)
    let (start, overflow) = base.addingReportingOverflow(entry.offset)
    guard entry.offset % alignment == 0, !overflow, start <= UInt64(file.count), bytes <= UInt64(file.count) - start
    else {
      throw CheckpointError(
        file: file.path, field: entry.name,
        problem: "its data (offset \(entry.offset), \(bytes) bytes) lies outside the file",
        remedy: "the file is truncated or damaged: fetch it again")
    }
    return CheckpointTensor(
      name: entry.name, dtype: dtype, shape: entry.shape, storage: .file(file), range: Int(start)..<Int(start + bytes))
  }
}
