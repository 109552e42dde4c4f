import Glibc
package import MartletCompute

/// Brings a checkpoint's tensors to a device: packed where the device prefers that, in place where not.
package final class WeightLoader {
  let device: Device
  let checkpoint: Checkpoint
  /// Every matrix is converted to float32 first: the exact reference of a quantised file.
  private let dequantizes: Bool
  private let progress: (Double) -> Void
  private var doneBytes = 0
  /// Bytes of packed copies so far.
  package private(set) var packedBytes = 0

  package init(
    device: Device, checkpoint: Checkpoint, dequantizes: Bool = false,
    progress: @escaping (Double) -> Void = { _ in }
  ) {
    self.device = device
    self.checkpoint = checkpoint
    self.dequantizes = dequantizes
    self.progress = progress
  }

  var configuration: ModelConfiguration { checkpoint.configuration }

  /// A matrix [rows, columns] in the device's preferred form.
  func matrix(_ name: String, _ rows: Int, _ columns: Int) throws(ModelError) -> Matrix {
    let tensor = try find(name, [rows, columns])
    guard let base = unsafe tensor.bytes.baseAddress else {
      throw .checkpoint(CheckpointError(file: checkpoint.path, field: name, problem: "is empty"))
    }
    let owner: AnyObject =
      switch tensor.storage {
      case .file(let file): file
      case .memory(let weights): weights
      }
    var dtype = DType(tensor.dtype)
    var source = unsafe Matrix(fileData: base, dtype: dtype, rows: rows, columns: columns, owner: owner)
    do {
      if dequantizes, dtype != .f32 {
        source = try source.dequantized(on: device)
        dtype = .f32
      }
      let (matrix, bytes) = try source.packed(on: device, dtype: dtype)
      packedBytes += bytes
      if bytes > 0 { tensor.storage.release(tensor.range) }
      advance(tensor)
      return matrix
    } catch { throw .kernel(error) }
  }

  /// A vector as float32 on the device, with `offset` added; nil when the checkpoint has none and it may be missing.
  func vector(_ name: String, _ count: Int, offset: Float = 0) throws(ModelError) -> DeviceArray<Float> {
    let tensor = try find(name, [count])
    let values: DeviceArray<Float>
    do { values = try device.allocate(Float.self, count: count) } catch { throw .kernel(error) }
    let host = unsafe values.host
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
      unsafe host[index] = value + offset
    }
    advance(tensor)
    return values
  }

  /// A vector's values on the host.
  func hostVector(_ name: String, _ count: Int) throws(ModelError) -> [Float] {
    let values = try vector(name, count)
    return unsafe Array(values.host)
  }

  func norm(_ name: String, _ count: Int) throws(ModelError) -> Norm {
    Norm(
      weight: try vector(name, count, offset: configuration.normWeightOffset), columns: count,
      epsilon: configuration.normEpsilon)
  }

  /// Weight matrices that share their input, run as one op; their biases are added where the checkpoint has them.
  func linear(_ parts: [(name: String, rows: Int)], columns: Int) throws(ModelError) -> Linear {
    var segments: [LinearSegments.Segment] = []
    for part in parts {
      let matrix = try matrix(part.name + ".weight", part.rows, columns)
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
