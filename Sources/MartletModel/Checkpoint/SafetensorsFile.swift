import Foundation

/// A safetensors file: an 8-byte header length, a JSON header, then the data.
/// Format: https://github.com/huggingface/safetensors#format
struct SafetensorsFile {
  private struct Entry: Decodable {
    let dtype: String
    let shape: [Int]
    let data_offsets: [Int]
  }

  /// A header member: a tensor, or the free-form `__metadata__`.
  private enum Member: Decodable {
    case tensor(Entry)
    case other

    init(from decoder: any Decoder) throws {
      self = decoder.codingPath.last?.stringValue == "__metadata__" ? .other : .tensor(try Entry(from: decoder))
    }
  }

  let tensors: [String: CheckpointTensor]
  /// Tensors whose element type cannot be computed with, with that type.
  let unsupported: [String: String]

  init(path: String) throws(CheckpointError) {
    let file = try MappedFile(path: path)
    var reader = BoundedReader(file: file)
    let length = try reader.integer(UInt64.self, "header length")
    guard length <= 100 << 20 else {
      throw CheckpointError(file: path, field: "header length", problem: "is \(length) bytes; 100 MiB is the limit")
    }
    let header = try reader.take(length, "header")
    let members: [String: Member]
    do {
      members = unsafe try JSONDecoder().decode([String: Member].self, from: Data(file.bytes(header)))
    } catch {
      throw CheckpointError(file: path, field: "header", problem: "is not a table of tensors")
    }
    var tensors: [String: CheckpointTensor] = [:]
    var unsupported: [String: String] = [:]
    for case (let name, .tensor(let entry)) in members {
      guard let dtype = CheckpointDType(safetensors: entry.dtype) else {
        unsupported[name] = entry.dtype
        continue
      }
      tensors[name] = try Self.place(entry, name: name, dtype: dtype, base: header.upperBound, file: file)
    }
    let used = tensors.values.filter { !$0.range.isEmpty }.sorted { $0.range.lowerBound < $1.range.lowerBound }
    for (earlier, later) in zip(used, used.dropFirst()) where later.range.lowerBound < earlier.range.upperBound {
      throw CheckpointError(file: path, field: later.name, problem: "overlaps the tensor \(earlier.name)")
    }
    self.tensors = tensors
    self.unsupported = unsupported
  }

  private static func place(
    _ entry: Entry, name: String, dtype: CheckpointDType, base: Int, file: MappedFile
  ) throws(CheckpointError) -> CheckpointTensor {
    var bytes = dtype.block.bytes
    for size in entry.shape {
      let (product, overflow) = bytes.multipliedReportingOverflow(by: size)
      guard size >= 0, size <= Int(Int32.max), !overflow else {
        throw CheckpointError(file: file.path, field: name, problem: "has the impossible shape \(entry.shape)")
      }
      bytes = product
    }
    let space = file.count - base
    guard entry.data_offsets.count == 2, entry.data_offsets[0] >= 0, entry.data_offsets[1] <= space,
      entry.data_offsets[0] <= entry.data_offsets[1]
    else {
      throw CheckpointError(
        file: file.path, field: name, problem: "its data_offsets \(entry.data_offsets) lie outside the file",
        remedy: "the file is truncated or damaged: fetch it again")
    }
    guard entry.data_offsets[1] - entry.data_offsets[0] == bytes else {
      throw CheckpointError(
        file: file.path, field: name, problem: "its data_offsets do not fit its shape \(entry.shape)")
    }
    return CheckpointTensor(
      name: name, dtype: dtype, shape: entry.shape, storage: .file(file),
      range: (base + entry.data_offsets[0])..<(base + entry.data_offsets[1]))
  }
}
