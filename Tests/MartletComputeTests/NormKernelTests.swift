import CMartletKernels
import Testing

/// Norms and gates of the fast variants against the scalar ones in double precision, with poisoned outputs.
@Suite struct NormKernelTests {
  private static let poison: Float = -77

  /// y and residual after a norm; each has a poisoned row behind it.
  private func norm(_ variant: Int, mode: Int, rows: Int, columns: Int) throws -> (y: [Float], residual: [Float])? {
    guard let stream = CPUStream(variant) else { return nil }
    var random = RandomSource(state: 3)
    let x = random.floats(rows * columns, scale: 4), weight = random.floats(columns)
    var residual = random.floats(rows * columns) + [Float](repeating: Self.poison, count: columns)
    var y = [Float](repeating: Self.poison, count: (rows + 1) * columns)
    let status = unsafe x.withUnsafeBufferPointer { x in
      unsafe weight.withUnsafeBufferPointer { weight in
        unsafe residual.withUnsafeMutableBufferPointer { residual in
          unsafe y.withUnsafeMutableBufferPointer { y in
            var arguments = unsafe mk_norm_args(
              x: x.baseAddress, residual: mode == MK_NORM_PLAIN ? nil : residual.baseAddress,
              weight: weight.baseAddress, y: y.baseAddress, rows: UInt32(rows), cols: UInt32(columns),
              mode: UInt32(mode), epsilon: 1e-5, y_dtype: 0)
            return unsafe stream.table.norm(stream.stream, &arguments)
          }
        }
      }
    }
    #expect(status == 0)
    return (y, residual)
  }

  private func gated(_ variant: Int, activation: Int, rows: Int, width: Int) throws -> [Float]? {
    guard let stream = CPUStream(variant) else { return nil }
    var random = RandomSource(state: 5)
    let x = random.floats(rows * 2 * width, scale: 9)
    var y = [Float](repeating: Self.poison, count: (rows + 1) * width)
    let status = unsafe x.withUnsafeBufferPointer { x in
      unsafe y.withUnsafeMutableBufferPointer { y in
        var arguments = unsafe mk_gated_args(
          x: x.baseAddress, y: y.baseAddress, rows: UInt32(rows), n: UInt32(width), activation: UInt32(activation),
          y_dtype: 0)
        return unsafe stream.table.gated(stream.stream, &arguments)
      }
    }
    #expect(status == 0)
    return y
  }

  @Test(arguments: [MK_NORM_PLAIN, MK_NORM_ADD_FIRST, MK_NORM_ADD_AFTER], [1, 7, 16, 33, 576, 1111])
  func normsAgreeWithTheReference(mode: Int, columns: Int) throws {
    for rows in [1, 5] {
      let expected = try #require(try norm(MK_CPU_REFERENCE, mode: mode, rows: rows, columns: columns))
      for variant in [MK_CPU_AVX2, MK_CPU_AVX512, MK_CPU_AMX, MK_CPU_NEON] {
        guard let values = try norm(variant, mode: mode, rows: rows, columns: columns) else { continue }
        for (left, right) in [(values.y, expected.y), (values.residual, expected.residual)] {
          let worst = zip(left, right).map { abs($0 - $1) / max(1, abs($1)) }.max() ?? .infinity
          #expect(worst < 1e-5)
          #expect(left.suffix(columns).allSatisfy { $0 == Self.poison })
        }
      }
    }
  }

  @Test(arguments: [MK_SILU, MK_GELU_TANH], [1, 15, 16, 100, 1536])
  func gatesAgreeWithTheReference(activation: Int, width: Int) throws {
    for rows in [1, 3] {
      let expected = try #require(try gated(MK_CPU_REFERENCE, activation: activation, rows: rows, width: width))
      for variant in [MK_CPU_AVX2, MK_CPU_AVX512, MK_CPU_AMX, MK_CPU_NEON] {
        guard let values = try gated(variant, activation: activation, rows: rows, width: width) else { continue }
        let worst = zip(values, expected).map { abs($0 - $1) / max(1, abs($1)) }.max() ?? .infinity
        #expect(worst < 1e-5)
        #expect(values.suffix(width).allSatisfy { $0 == Self.poison })
      }
    }
  }

  @Test func badSizesAreRefused() throws {
    for variant in [MK_CPU_REFERENCE, MK_CPU_AVX2, MK_CPU_AVX512, MK_CPU_AMX, MK_CPU_NEON] {
      guard let stream = CPUStream(variant) else { continue }
      var empty = unsafe mk_norm_args()
      unsafe empty.rows = 1
      #expect(unsafe stream.table.norm(stream.stream, &empty) == MK_INVALID_ARGUMENT)
      var gate = unsafe mk_gated_args()
      unsafe gate.rows = 1
      unsafe gate.activation = 9
      #expect(unsafe stream.table.gated(stream.stream, &gate) == MK_INVALID_ARGUMENT)
    }
  }
}
