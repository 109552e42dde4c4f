import Foundation

/// Writes a GGUF file (version 3, little-endian) from front to back: the header names every tensor's place, then the data
/// follow in the same order. Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
final class GGUFWriter {
  struct Tensor {
    let name: String
    let dtype: CheckpointDType
    /// Slowest dimension first.
    let shape: [Int]
    var byteCount: Int { shape.reduce(1, *) / dtype.block.elements * dtype.block.bytes }
  }

  private static let alignment = 32

  private let path: String
  private let handle: FileHandle
  private var written = 0

  /// Creates `path`.partial, which becomes `path` when it is complete.
  init(path: String, metadata: GGUFMetadata, tensors: [Tensor]) throws {
    self.path = path
    let partial = path + ".partial"
    guard FileManager.default.createFile(atPath: partial, contents: nil),
      let handle = FileHandle(forWritingAtPath: partial)
    else {
      throw CheckpointError(
        file: path, field: "path", problem: "cannot be written", remedy: "check the folder and its permissions")
    }
    self.handle = handle
    var header: [UInt8] = Array("GGUF".utf8) + GGUFMetadata.little(UInt32(3))
    header += GGUFMetadata.little(UInt64(tensors.count)) + GGUFMetadata.little(UInt64(metadata.count))
    header += metadata.encoded
    var offset = 0
    for tensor in tensors {
      header += GGUFMetadata.text(tensor.name) + GGUFMetadata.little(UInt32(tensor.shape.count))
      for size in tensor.shape.reversed() { header += GGUFMetadata.little(UInt64(size)) }
      header += GGUFMetadata.little(tensor.dtype.ggufType) + GGUFMetadata.little(UInt64(offset))
      offset += (tensor.byteCount + Self.alignment - 1) / Self.alignment * Self.alignment
    }
    try append(header)
    try pad()
  }

  /// The next part of the tensor data.
  func append(_ bytes: [UInt8]) throws {
    try handle.write(contentsOf: Data(bytes))
    written += bytes.count
  }

  /// Ends a tensor.
  func pad() throws {
    let rest = written % Self.alignment
    if rest > 0 { try append([UInt8](repeating: 0, count: Self.alignment - rest)) }
  }

  func finish() throws {
    try handle.close()
    guard unsafe rename(path + ".partial", path) == 0 else {
      throw CheckpointError(
        file: path, field: "path", problem: "cannot be replaced", remedy: "check the folder and its permissions")
    }
  }
}
