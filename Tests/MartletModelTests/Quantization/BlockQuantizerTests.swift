import MartletCompute
import MartletCore
import Testing

@testable import MartletModel

/// What is rounded to blocks is read back by the kernels, whose readers are held to the reference implementation's.
@Suite struct BlockQuantizerTests {
  /// Values as a device reads them back.
  static func roundTrip(_ values: [Float], _ dtype: CheckpointDType, columns: Int) throws -> [Float] {
    var bytes: [UInt8] = []
    try #require(BlockQuantizer(dtype)).append(values.span, to: &bytes)
    let block = dtype.block
    #expect(bytes.count == values.count / block.elements * block.bytes)
    let device = try Device(table: try #require(KernelTable(cpu: .reference)))
    return try unsafe bytes.withUnsafeBytes { raw in
      guard let base = raw.baseAddress else { return [] }
      let matrix = unsafe Matrix(
        fileData: base, dtype: DType(dtype), rows: values.count / columns, columns: columns, owner: nil)
      return try device.download(try matrix.values(on: device), count: values.count)
    }
  }

  static func noise(_ count: Int, seed: UInt64) -> [Float] {
    var random = SplitMix64(seed: seed)
    // A sum of uniform values is near enough to the bell shape of trained weights.
    return (0..<count).map { _ in (0..<6).reduce(Float(0)) { sum, _ in sum + Float.random(in: -1...1, using: &random) }
    }
  }

  /// Bounds on the root mean square error over that of the values; a plain range of the same codes gives 1.1 to 1.5
  /// times as much.
  @Test(arguments: [
    (CheckpointDType.f32, Float(0)), (.f16, 3e-4), (.bf16, 2.5e-3), (.q8_0, 6e-3), (.q6K, 2e-2), (.q5_0, 4.5e-2),
    (.q5_1, 3.8e-2), (.q4_0, 9e-2), (.q4_1, 7.6e-2), (.q4K, 8e-2),
  ])
  func errorsAreSmall(dtype: CheckpointDType, bound: Float) throws {
    let values = Self.noise(8 * 512, seed: 3)
    let read = try Self.roundTrip(values, dtype, columns: 512)
    let error = zip(values, read).reduce(Float(0)) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    let size = values.reduce(Float(0)) { $0 + $1 * $1 }
    #expect((error / size).squareRoot() <= bound, "\(dtype): \((error / size).squareRoot())")
  }

  static let types: [CheckpointDType] = [.f16, .bf16, .q8_0, .q6K, .q5_0, .q5_1, .q4_0, .q4_1, .q4K]

  @Test(arguments: types) func zerosStayZeros(dtype: CheckpointDType) throws {
    #expect(try Self.roundTrip([Float](repeating: 0, count: 512), dtype, columns: 512).allSatisfy { $0 == 0 })
  }

  @Test(arguments: types, [Float(0.5), -0.75, 1e-3, 1000])
  func equalValuesStayNear(dtype: CheckpointDType, value: Float) throws {
    let read = try Self.roundTrip([Float](repeating: value, count: 512), dtype, columns: 512)
    #expect(read.allSatisfy { abs($0 - value) <= 0.04 * abs(value) }, "\(dtype): \(read[0])")
  }

  @Test(arguments: types, [Float(1e-38), 1e-7, 1e30])
  func extremeValuesGiveFiniteOnes(dtype: CheckpointDType, size: Float) throws {
    let values = Self.noise(512, seed: 4).map { $0 * size }
    let read = try Self.roundTrip(values, dtype, columns: 512)
    #expect(dtype == .f16 || read.allSatisfy { $0.isFinite })
  }

  @Test func oneOutlierLeavesTheOthersTheirSigns() throws {
    var values = Self.noise(512, seed: 5)
    values[100] = 40
    for dtype in [CheckpointDType.q8_0, .q6K] {
      let read = try Self.roundTrip(values, dtype, columns: 512)
      #expect(zip(values, read).allSatisfy { abs($0) < 0.7 || ($0 < 0) == ($1 < 0) })
    }
  }
}
