import Glibc
package import MartletCompute

/// Brings a checkpoint's tensors to a device: packed where the device prefers that, in place where not.
package final class WeightLoader {
  let device: Device
  let checkpoint: Checkpoint
  /// Every matrix is converted to float32 first: the exact reference of a quantised file.
  private let dequantizes: Bool
  /// What the matrices of layers are quantised to.
  private let quantizes: DType?
  private let progress: (Double) -> Void
  private var doneBytes = 0
  /// Bytes of packed copies so far.
  package private(set) var packedBytes = 0

  package init(
    device: Device, checkpoint: Checkpoint, dequantizes: Bool = false, quantizes: DType? = nil,
    progress: @escaping (Double) -> Void = { _ in }
  ) {
    self.device = device
    self.checkpoint = checkpoint
    self.dequantizes = dequantizes
    self.quantizes = quantizes
    self.progress = progress
  }

  var configuration: ModelConfiguration { checkpoint.configuration }

  /// A matrix [rows, columns] in the device's preferred form.
  func matrix(_ name: String, _ rows: Int, _ columns: Int) throws(ModelError) -> Matrix {
    let source = try source(name, rows, columns)
    do {
      let (matrix, bytes) = try source.matrix.packed(on: device, dtype: source.dtype)
      packedBytes += bytes
      if bytes > 0 { source.tensor.storage.release(source.tensor.range) }
      advance(source.tensor)
      return matrix
    } catch { throw .kernel(error) }
  }

  private struct Source {
    let tensor: CheckpointTensor
    let matrix: Matrix
    let dtype: DType
  }

  /// A matrix where the checkpoint has it.
  private func source(_ name: String, _ rows: Int, _ columns: Int) throws(ModelError) -> Source {
    let tensor = try find(name, [rows, columns])
    guard let base = unsafe tensor.bytes.baseAddress else {
      throw .checkpoint(CheckpointError(file: checkpoint.path, field: name, problem: "is empty"))
    }
    let owner: AnyObject =
      switch tensor.storage {
      case .file(let file): file
      case .memory(let weights): weights
      }
    let dtype = DType(tensor.dtype)
    let matrix = unsafe Matrix(fileData: base, dtype: dtype, rows: rows, columns: columns, owner: owner)
    guard dequantizes, dtype != .f32 else { return Source(tensor: tensor, matrix: matrix, dtype: dtype) }
    do { return Source(tensor: tensor, matrix: try matrix.dequantized(on: device), dtype: .f32) } catch {
      throw .kernel(error)
    }
  }

  /// Matrices side by side in one piece of device memory, where a device can run them as one.
  private func neighbours(_ parts: [(name: String, rows: Int)], columns: Int) throws(ModelError) -> [Matrix] {
    var matrices: [Matrix] = []
    guard device.table.hasSeparateMemory, parts.count > 1 else {
      for part in parts { matrices.append(try matrix(part.name + ".weight", part.rows, columns)) }
      return matrices
    }
    var sources: [Source] = []
    for part in parts { sources.append(try source(part.name + ".weight", part.rows, columns)) }
    do throws(KernelError) {
      var offsets: [Int] = [], total = 0
      for (part, source) in zip(parts, sources) {
        offsets.append(total)
        total += try Matrix.packedBytes(on: device.table, dtype: source.dtype, rows: part.rows, columns: columns)
      }
      let memory = try device.allocate(bytes: total)
      for (source, offset) in zip(sources, offsets) {
        matrices.append(try source.matrix.packed(on: device, into: memory, offset: offset))
        source.tensor.storage.release(source.tensor.range)
        advance(source.tensor)
      }
      packedBytes += total
    } catch { throw .kernel(error) }
    return matrices
  }

  /// Matrices quantised side by side in one piece of device memory, where a device can run them as one.
  private func quantized(
    _ parts: [(name: String, rows: Int)], columns: Int, to dtype: DType
  ) throws(ModelError) -> [Matrix] {
    var sources: [Source] = []
    for part in parts {
      let source = try source(part.name + ".weight", part.rows, columns)
      guard source.dtype.elementSize > 0 else {
        throw .checkpoint(
          CheckpointError(
            file: checkpoint.path, field: part.name, problem: "is quantised already",
            remedy: "give a checkpoint in F32, F16 or BF16"))
      }
      sources.append(source)
    }
    let rows = parts.reduce(0) { $0 + $1.rows }
    var matrices: [Matrix] = []
    do throws(KernelError) {
      let bytes = try Matrix.packedBytes(on: device.table, dtype: dtype, rows: rows, columns: columns)
      let memory = try device.allocate(bytes: bytes)
      var first = 0
      for source in sources {
        matrices.append(
          try source.matrix.quantized(on: device, to: dtype, into: memory, allRows: rows, firstRow: first))
        first += source.matrix.rows
        source.tensor.storage.release(source.tensor.range)
        advance(source.tensor)
      }
      packedBytes += bytes
    } catch { throw .kernel(error) }
    return matrices
  }

  /// A vector as float32 on the device, with `offset` added.
  func vector(_ name: String, _ count: Int, offset: Float = 0) throws(ModelError) -> DeviceArray<Float> {
    let values = try hostVector(name, count).map { $0 + offset }
    do { return try device.array(values) } catch { throw .kernel(error) }
  }

  /// A vector's values on the host.
  func hostVector(_ name: String, _ count: Int) throws(ModelError) -> [Float] {
    let tensor = try find(name, [count])
    var values: [Float] = []
    values.reserveCapacity(count)
    let bytes = unsafe tensor.bytes
    for index in 0..<count {
      let value: Float
      switch tensor.dtype {
      case .f32:
        value = unsafe Float(
          bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)))
      case .f16:
        value = unsafe Float(
          Float16(bitPattern: UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self))))
      case .bf16:
        value = unsafe Float(
          bitPattern: UInt32(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)))
            << 16)
      default:
        throw .checkpoint(
          CheckpointError(
            file: checkpoint.path, field: name, problem: "is a vector in a quantised format",
            remedy: "vectors must be F32, F16 or BF16"))
      }
      values.append(value)
    }
    advance(tensor)
    return values
  }

  func norm(_ name: String, _ count: Int) throws(ModelError) -> Norm {
    Norm(
      weight: try vector(name, count, offset: configuration.normWeightOffset), columns: count,
      epsilon: configuration.normEpsilon)
  }

  /// Weight matrices that share their input, run as one op; their biases are added where the checkpoint has them.
  /// - Parameter keepsType: they are none of a layer's: not quantised.
  func linear(
    _ parts: [(name: String, rows: Int)], columns: Int, keepsType: Bool = false
  ) throws(ModelError) -> Linear {
    let matrices =
      if let quantizes, !keepsType {
        try quantized(parts, columns: columns, to: quantizes)
      } else {
        try neighbours(parts, columns: columns)
      }
    var segments: [LinearSegments.Segment] = []
    for (part, matrix) in zip(parts, matrices) {
      let bias = checkpoint.has(part.name + ".bias") ? try vector(part.name + ".bias", part.rows) : nil
      segments.append(LinearSegments.Segment(matrix: matrix, bias: bias))
    }
    return Linear(segments: LinearSegments(segments))
  }

  private func find(_ name: String, _ shape: [Int]) throws(ModelError) -> CheckpointTensor {
    do { return try checkpoint.tensor(name, shape: shape) } catch { throw .checkpoint(error) }
  }

  private func advance(_ tensor: CheckpointTensor) {
    doneBytes += tensor.range.count
    progress(Double(doneBytes) / Double(max(1, checkpoint.totalBytes)))
  }
}
