import Foundation
import MartletCompute
import MartletModel

/// What the device reaches on work that is nothing but reading, and nothing but products: the same kernels on shapes that
/// suit them best.
struct MachineCeilings {
  let bytesPerSecond: Double
  let operationsPerSecond: Double

  /// Takes about half a second and 300 MiB.
  init(_ table: KernelTable, threads: Int) throws {
    var options = DeviceOptions()
    options.threads = threads
    let device = try Device(table: table, options: options)
    // One row by weights that no cache holds is read at memory speed; many rows by weights that a cache holds are not.
    bytesPerSecond = try Self.rate(on: device, rows: 1, outputs: 32_768, columns: 4_096, dtype: .bf16).bytes
    operationsPerSecond = try Self.rate(on: device, rows: 512, outputs: 1_024, columns: 2_048, dtype: .q8_0).operations
  }

  private static func rate(
    on device: Device, rows: Int, outputs: Int, columns: Int, dtype: CheckpointDType
  ) throws -> (bytes: Double, operations: Double) {
    let block = dtype.block
    let size = outputs * columns / block.elements * block.bytes
    // Zero bytes are zeros in every type: what is multiplied does not matter to the time.
    let weights = [UInt8](repeating: 0, count: size)
    return try unsafe weights.withUnsafeBytes { raw in
      guard let base = raw.baseAddress else { return (1, 1) }
      let stored = unsafe Matrix(
        fileData: base, dtype: DType(dtype), rows: outputs, columns: columns, owner: nil)
      let matrix = try stored.packed(on: device, dtype: DType(dtype)).matrix
      let segments = LinearSegments([.init(matrix: matrix, bias: nil)])
      let x = try Activation(on: device, count: rows * columns, dtype: device.table.activationType)
      let y = try Activation(on: device, count: rows * outputs)
      let workspace = try device.allocate(
        bytes: max(64, Workspace.linear(device.table, rows: rows, columns: columns, outputs: outputs)))
      func run() throws {
        try device.linear(
          x, norm: nil, rows: rows, segments: segments, output: .store, into: y, workspace: workspace)
        try device.synchronize()
      }
      try run()
      var best = Duration.seconds(1000)
      for _ in 0..<7 { best = min(best, try ContinuousClock().measure { try run() }) }
      let seconds = best / .seconds(1)
      return (Double(size) / seconds, 2 * Double(rows * columns * outputs) / seconds)
    }
  }
}
