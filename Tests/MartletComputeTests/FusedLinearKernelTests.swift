import CMartletKernels
import Testing

/// Products that norm their input and add or gate their output, against the same in ops of their own: the same bits.
@Suite struct FusedLinearKernelTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let dtype: Int
    let columns: Int
    var testDescription: String { name }
  }

  /// More columns than are normed at a time.
  static let cases = [
    Case(name: "F32", dtype: MK_F32, columns: 577), Case(name: "BF16", dtype: MK_BF16, columns: 577),
    Case(name: "Q4_1", dtype: MK_Q4_1, columns: 672), Case(name: "Q8_0", dtype: MK_Q8_0, columns: 672),
    Case(name: "Q6_K", dtype: MK_Q6_K, columns: 768),
  ]

  /// Two matrices of one shape, the first with a bias, and what they are multiplied with.
  @safe private final class Problem {
    static let outputs = 37
    let stream: CPUStream
    let rows: Int
    let columns: Int
    private let files: [KernelBuffer<UInt8>]
    private let packed: [KernelBuffer<UInt8>]
    private let bias: KernelBuffer<Float>
    private let segments: KernelBuffer<mk_linear_segment>
    let x: KernelBuffer<Float>
    let weight: KernelBuffer<Float>

    init(_ stream: CPUStream, _ format: Case, rows: Int) {
      self.stream = stream
      self.rows = rows
      columns = format.columns
      var random = RandomSource(state: 9)
      let bytes = Int(mk_row_bytes(UInt32(format.dtype), UInt32(columns))) * Self.outputs
      // Bytes below 0x40 make floats, halves and bfloats of ordinary size.
      files = (0..<2).map { _ in KernelBuffer((0..<bytes).map { _ in UInt8.random(in: 0x30..<0x40, using: &random) }) }
      x = KernelBuffer(random.floats(rows * columns, scale: 3))
      weight = KernelBuffer(random.floats(columns))
      bias = KernelBuffer(random.floats(Self.outputs))
      var size = 0
      _ = unsafe stream.table.matrix_packed_bytes(UInt32(format.dtype), UInt32(Self.outputs), UInt32(columns), &size)
      packed = (0..<2).map { _ in KernelBuffer(repeating: 0, count: size) }
      var native = unsafe [mk_linear_segment]()
      for index in 0..<2 {
        var source = unsafe mk_matrix(
          data: files[index].base, dtype: UInt32(format.dtype), layout: 0, rows: UInt32(Self.outputs),
          cols: UInt32(columns))
        var matrix = unsafe source
        let status = unsafe stream.table.matrix_pack(stream.stream, &source, packed[index].base, &matrix)
        #expect(status == 0)
        unsafe native.append(mk_linear_segment(matrix: matrix, bias: index == 0 ? UnsafePointer(bias.base) : nil))
      }
      unsafe segments = unsafe KernelBuffer(native)
    }

    /// Multiplies into y, which has `width` columns.
    func linear(_ x: KernelBuffer<Float>, normed: Bool, output: Int, into y: KernelBuffer<Float>, width: Int) -> Int32 {
      let bytes = unsafe stream.table.linear_workspace_bytes(UInt32(rows), UInt32(columns), UInt32(2 * Self.outputs))
      let workspace = KernelBuffer<UInt8>(repeating: 0, count: bytes)
      var arguments = unsafe mk_linear_args(
        x: x.base, rows: UInt32(rows), x_stride: UInt32(columns), segments: segments.base, segment_count: 2, y: y.base,
        y_stride: UInt32(width), workspace: workspace.base, workspace_bytes: bytes, x_dtype: 0, y_dtype: 0,
        norm_weight: normed ? UnsafePointer(weight.base) : nil, norm_epsilon: 1e-5, output: UInt32(output),
        next_norm_weight: nil, next_x: nil, next_squares: nil, squares: nil)
      let status = unsafe stream.table.linear(stream.stream, &arguments)
      _ = workspace.values
      return status
    }

    func product(_ x: KernelBuffer<Float>, normed: Bool) -> KernelBuffer<Float> {
      let y = KernelBuffer<Float>(repeating: .nan, count: rows * 2 * Self.outputs)
      #expect(linear(x, normed: normed, output: MK_OUTPUT_STORE, into: y, width: 2 * Self.outputs) == 0)
      return y
    }

    func norm() -> KernelBuffer<Float> {
      let y = KernelBuffer<Float>(repeating: .nan, count: rows * columns)
      var arguments = unsafe mk_norm_args(
        x: x.base, residual: nil, weight: weight.base, y: y.base, rows: UInt32(rows), cols: UInt32(columns),
        mode: UInt32(MK_NORM_PLAIN), epsilon: 1e-5, y_dtype: 0)
      #expect(unsafe stream.table.norm(stream.stream, &arguments) == 0)
      return y
    }

    func gated(_ x: KernelBuffer<Float>, _ activation: Int) -> [Float] {
      let y = KernelBuffer<Float>(repeating: .nan, count: rows * Self.outputs)
      var arguments = unsafe mk_gated_args(
        x: x.base, y: y.base, rows: UInt32(rows), n: UInt32(Self.outputs), activation: UInt32(activation), y_dtype: 0)
      #expect(unsafe stream.table.gated(stream.stream, &arguments) == 0)
      return y.values
    }
  }

  private static func bits(_ values: [Float]) -> [UInt32] { values.map(\.bitPattern) }

  /// The most rows are enough for panels.
  @Test(arguments: cases, [1, 6, 75]) func aFusedProductGivesTheBitsOfSeparateOps(format: Case, rows: Int) {
    for variant in [MK_CPU_AVX2, MK_CPU_AVX512, MK_CPU_AMX, MK_CPU_NEON] {
      guard let stream = CPUStream(variant) else { continue }
      let problem = Problem(stream, format, rows: rows), width = Problem.outputs
      let product = problem.product(problem.norm(), normed: false)
      #expect(product.values.allSatisfy { $0.isFinite })
      #expect(
        Self.bits(problem.product(problem.x, normed: true).values) == Self.bits(product.values), "\(variant), norm")
      for (output, activation) in [(MK_OUTPUT_SILU, MK_SILU), (MK_OUTPUT_GELU_TANH, MK_GELU_TANH)] {
        let y = KernelBuffer<Float>(repeating: .nan, count: rows * width)
        #expect(problem.linear(problem.x, normed: true, output: output, into: y, width: width) == 0)
        #expect(Self.bits(y.values) == Self.bits(problem.gated(product, activation)), "\(variant), gate \(output)")
      }
      var random = RandomSource(state: 4)
      let residual = random.floats(rows * 2 * width, scale: 9), y = KernelBuffer(residual)
      #expect(problem.linear(problem.x, normed: true, output: MK_OUTPUT_ADD, into: y, width: 2 * width) == 0)
      #expect(Self.bits(y.values) == Self.bits(zip(residual, product.values).map { $0 + $1 }), "\(variant), sum")
    }
  }

  @Test func aVariantThatFusesNothingSaysSo() throws {
    let stream = try #require(CPUStream(MK_CPU_REFERENCE))
    #expect(unsafe stream.table.fused_linear == 0)
    let best = try #require(CPUStream(MK_CPU_BEST)), problem = Problem(best, Self.cases[3], rows: 1)
    let y = KernelBuffer<Float>(repeating: .nan, count: 2 * Problem.outputs)
    #expect(problem.linear(problem.x, normed: false, output: 9, into: y, width: 2 * Problem.outputs) != 0)
    #expect(y.values.allSatisfy { $0.isNaN })
  }
}
