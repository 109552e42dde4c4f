import CMartletKernels
import Foundation
import Testing

@Suite struct LinearKernelTests {
  struct Format: Sendable, CustomTestStringConvertible {
    let name: String
    let dtype: Int
    let columns: Int
    /// Byte offsets of half-precision scales inside a block.
    let scales: [Int]
    let block: Int
    var testDescription: String { name }
  }

  static let formats: [Format] = [
    Format(name: "F32", dtype: MK_F32, columns: 96, scales: [], block: 4),
    Format(name: "F16", dtype: MK_F16, columns: 96, scales: [0], block: 2),
    Format(name: "BF16", dtype: MK_BF16, columns: 96, scales: [], block: 2),
    Format(name: "Q4_0", dtype: MK_Q4_0, columns: 96, scales: [0], block: 18),
    Format(name: "Q4_1", dtype: MK_Q4_1, columns: 96, scales: [0, 2], block: 20),
    Format(name: "Q5_0", dtype: MK_Q5_0, columns: 96, scales: [0], block: 22),
    Format(name: "Q5_1", dtype: MK_Q5_1, columns: 96, scales: [0, 2], block: 24),
    Format(name: "Q8_0", dtype: MK_Q8_0, columns: 96, scales: [0], block: 34),
    Format(name: "Q2_K", dtype: MK_Q2_K, columns: 512, scales: [80, 82], block: 84),
    Format(name: "Q3_K", dtype: MK_Q3_K, columns: 512, scales: [108], block: 110),
    Format(name: "Q4_K", dtype: MK_Q4_K, columns: 512, scales: [0, 2], block: 144),
    Format(name: "Q5_K", dtype: MK_Q5_K, columns: 512, scales: [0, 2], block: 176),
    Format(name: "Q6_K", dtype: MK_Q6_K, columns: 512, scales: [208], block: 210),
  ]

  private func weights(_ format: Format, rows: Int, _ random: inout RandomSource) -> [UInt8] {
    let bytes = Int(mk_row_bytes(UInt32(format.dtype), UInt32(format.columns))) * rows
    if format.dtype == MK_F32 {
      return random.floats(bytes / 4).flatMap { unsafe withUnsafeBytes(of: $0) { unsafe Array($0) } }
    }
    if format.dtype == MK_BF16 {
      return random.floats(bytes / 2).flatMap { value in
        let bits = UInt16(value.bitPattern >> 16)
        return [UInt8(bits & 0xff), UInt8(bits >> 8)]
      }
    }
    var result = (0..<bytes).map { _ in UInt8.random(in: 0...255, using: &random) }
    for start in stride(from: 0, to: bytes, by: format.block) {
      for offset in format.scales {
        let bits = Float16(Float.random(in: -0.1...0.1, using: &random)).bitPattern
        result[start + offset] = UInt8(bits & 0xff)
        result[start + offset + 1] = UInt8(bits >> 8)
      }
    }
    return result
  }

  /// x * w^T + bias by one variant, packed if it packs.
  private func run(
    _ stream: CPUStream, _ format: Format, _ weights: [UInt8], outputs: Int, x: [Float], rows: Int, bias: [Float]
  ) throws -> [Float] {
    var y = [Float](repeating: .nan, count: rows * outputs)
    let status: Int32 = unsafe weights.withUnsafeBytes { raw in
      var source = unsafe mk_matrix(
        data: raw.baseAddress, dtype: UInt32(format.dtype), layout: 0, rows: UInt32(outputs),
        cols: UInt32(format.columns))
      var bytes = 0
      guard unsafe stream.table.matrix_packed_bytes(source.dtype, source.rows, source.cols, &bytes) == 0 else {
        return -1
      }
      let packed = UnsafeMutableRawPointer.allocate(byteCount: max(64, bytes), alignment: 64)
      defer { unsafe packed.deallocate() }
      var matrix = unsafe source
      if bytes > 0 {
        guard unsafe stream.table.matrix_pack(stream.stream, &source, packed, &matrix) == 0 else { return -2 }
      }
      let space = unsafe stream.table.linear_workspace_bytes(UInt32(rows), UInt32(format.columns), UInt32(outputs))
      let workspace = UnsafeMutableRawPointer.allocate(byteCount: max(64, space), alignment: 64)
      defer { unsafe workspace.deallocate() }
      return unsafe bias.withUnsafeBufferPointer { bias in
        var segment = unsafe mk_linear_segment(matrix: matrix, bias: bias.baseAddress)
        return unsafe x.withUnsafeBufferPointer { x in
          unsafe y.withUnsafeMutableBufferPointer { y in
            unsafe withUnsafePointer(to: &segment) { segment in
              var arguments = unsafe mk_linear_args(
                x: x.baseAddress, rows: UInt32(rows), x_stride: UInt32(format.columns), segments: segment,
                segment_count: 1, y: y.baseAddress, y_stride: UInt32(outputs), workspace: workspace,
                workspace_bytes: max(64, space), x_dtype: 0, y_dtype: 0, norm_weight: nil, norm_epsilon: 0, output: 0,
                next_norm_weight: nil, next_x: nil, next_squares: nil, squares: nil)
              return unsafe stream.table.linear(stream.stream, &arguments)
            }
          }
        }
      }
    }
    #expect(status == 0)
    return y
  }

  /// Formats whose packed form is not the file's values bit by bit.
  private static let codedFormats = [MK_F16, MK_BF16]

  @Test(arguments: formats.filter { !codedFormats.contains($0.dtype) })
  func fastVariantsGiveTheReferenceBitsWhateverTheBatch(format: Format) throws {
    var random = RandomSource(state: 42)
    let outputs = 37
    let weights = weights(format, rows: outputs, &random)
    let bias = random.floats(outputs)
    // The most rows are enough for panels, and end in a group of three.
    let most = 139
    let x = random.floats(most * format.columns)
    let reference = try #require(CPUStream(MK_CPU_REFERENCE))
    let expected = try run(reference, format, weights, outputs: outputs, x: x, rows: most, bias: bias)
    #expect(expected.allSatisfy { $0.isFinite })
    for variant in [MK_CPU_REFERENCE, MK_CPU_AVX2, MK_CPU_AVX512, MK_CPU_AMX, MK_CPU_NEON] {
      guard let stream = CPUStream(variant) else { continue }
      for rows in [1, 2, 5, 7, 16, 33, most] {
        let result = try run(stream, format, weights, outputs: outputs, x: x, rows: rows, bias: bias)
        #expect(
          result.map(\.bitPattern) == expected.prefix(rows * outputs).map(\.bitPattern),
          "variant \(variant), \(rows) rows")
      }
    }
  }

  /// Weights and activations become 16-bit codes: close to the reference, and the same bits whatever the batch.
  @Test(arguments: formats.filter { codedFormats.contains($0.dtype) }, [96, 77, 576])
  func codedFormatsStayCloseToTheReferenceWhateverTheBatch(format: Format, columns: Int) throws {
    var random = RandomSource(state: 42)
    let outputs = 37
    let format = Format(
      name: format.name, dtype: format.dtype, columns: columns, scales: format.scales, block: format.block)
    let weights = weights(format, rows: outputs, &random)
    let bias = random.floats(outputs)
    // Activations of real models have outliers.
    let x = random.floats(33 * columns).enumerated().map { $0.offset % 61 == 5 ? 30 * $0.element : $0.element }
    let reference = try #require(CPUStream(MK_CPU_REFERENCE))
    let expected = try run(reference, format, weights, outputs: outputs, x: x, rows: 33, bias: bias)
    let size = (expected.map { $0 * $0 }.reduce(0, +) / Float(expected.count)).squareRoot()
    for variant in [MK_CPU_AVX2, MK_CPU_AVX512, MK_CPU_AMX, MK_CPU_NEON] {
      guard let stream = CPUStream(variant) else { continue }
      let whole = try run(stream, format, weights, outputs: outputs, x: x, rows: 33, bias: bias)
      let worst = zip(whole, expected).map { abs($0 - $1) }.max() ?? .infinity
      #expect(worst <= 2e-3 * size, "variant \(variant)")
      for rows in [1, 2, 5, 7, 16] {
        let result = try run(stream, format, weights, outputs: outputs, x: x, rows: rows, bias: bias)
        #expect(
          result.map(\.bitPattern) == whole.prefix(rows * outputs).map(\.bitPattern),
          "variant \(variant), \(rows) rows")
      }
    }
  }

  @Test(arguments: [Float.nan, .infinity]) func aWeightThatIsNotFiniteReachesItsRowOnly(value: Float) throws {
    let columns = 64, outputs = 3
    let format = Format(name: "BF16", dtype: MK_BF16, columns: columns, scales: [], block: 2)
    var weights = [UInt8](repeating: 0x3c, count: 2 * columns * outputs)
    weights[2 * (columns + 7)] = UInt8(value.bitPattern >> 16 & 0xff)
    weights[2 * (columns + 7) + 1] = UInt8(value.bitPattern >> 24)
    let x = [Float](repeating: 1, count: columns), bias = [Float](repeating: 0, count: outputs)
    for variant in [MK_CPU_REFERENCE, MK_CPU_AVX2, MK_CPU_AVX512, MK_CPU_AMX, MK_CPU_NEON] {
      guard let stream = CPUStream(variant) else { continue }
      let y = try run(stream, format, weights, outputs: outputs, x: x, rows: 1, bias: bias)
      #expect(y.map(\.isFinite) == [true, false, true], "variant \(variant)")
    }
  }

  @Test func refusesColumnsThatAreNoWholeBlocks() throws {
    let stream = try #require(CPUStream(MK_CPU_BEST))
    var bytes = 0
    #expect(unsafe stream.table.matrix_packed_bytes(UInt32(MK_Q4_K), 16, 100, &bytes) != 0)
  }

  /// Row r of a group of up to eleven holds one kind of unusual block; the rest are plain.
  @Test func unusualActivationsTouchTheirOwnRowOnlyInEveryGroupWidth() throws {
    var random = RandomSource(state: 11)
    let format = try #require(Self.formats.first { $0.name == "Q8_0" })
    let outputs = 5, rows = 11, columns = format.columns
    let weights = weights(format, rows: outputs, &random), bias = [Float](repeating: 0, count: outputs)
    var x = random.floats(rows * columns)
    x[0 * columns + 40] = .nan
    x[1 * columns + 3] = -.infinity
    for column in 32..<64 {
      x[2 * columns + column] = 0
      x[3 * columns + column] = 5
      x[4 * columns + column] = 1e-35
      x[9 * columns + column] = -2e4 - Float(column)
    }
    x[10 * columns + 95] = .infinity
    let reference = try #require(CPUStream(MK_CPU_REFERENCE))
    let expected = try run(reference, format, weights, outputs: outputs, x: x, rows: rows, bias: bias)
    for variant in [MK_CPU_AVX2, MK_CPU_AVX512, MK_CPU_AMX, MK_CPU_NEON] {
      guard let stream = CPUStream(variant) else { continue }
      for count in 1...rows {
        let y = try run(stream, format, weights, outputs: outputs, x: x, rows: count, bias: bias)
        for (index, pair) in zip(y, expected).enumerated() {
          #expect(pair.1.isNaN ? pair.0.isNaN : pair.0 == pair.1, "variant \(variant), \(count) rows, element \(index)")
        }
      }
      #expect(expected.enumerated().allSatisfy { $0.element.isNaN == [0, 1, 10].contains($0.offset / outputs) })
    }
  }
}
