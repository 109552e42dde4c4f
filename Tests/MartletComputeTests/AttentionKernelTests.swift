import CMartletKernels
import Testing

@Suite struct AttentionKernelTests {
  struct Shape: Sendable {
    var dim = 64
    var heads = 6
    var kvHeads = 2
    var softCap: Float = 0
    var style = MK_ROPE_HALVES
    var hasNorms = false
    /// Rotated dimensions, halved.
    var half: Int?
  }

  static let pageSize = 16, pages = 12

  /// Writes `length` positions in chunks of `chunk` rows and returns every row's attention output.
  private func outputs(
    variant: Int, chunk: Int, dtype: Int, window: UInt32, order: [Int32], length: Int = 75,
    shape: Shape = Shape()
  ) throws
    -> [Float]?
  {
    guard let stream = CPUStream(variant) else { return nil }
    let width = (shape.heads + 2 * shape.kvHeads) * shape.dim
    var random = RandomSource(state: 7)
    var qkv = random.floats(length * width)
    let norms = UnsafeMutableBufferPointer<Float>.allocate(capacity: shape.dim)
    defer { unsafe norms.deallocate() }
    for index in 0..<shape.dim { unsafe norms[index] = 0.5 + Float(index % 7) / 8 }
    var layer = unsafe mk_kv_layer(
      data: nil, dtype: UInt32(dtype), pages: UInt32(Self.pages), page_size: UInt32(Self.pageSize),
      kv_heads: UInt32(shape.kvHeads), head_dim: UInt32(shape.dim))
    let bytes = unsafe stream.table.kv_layer_bytes(&layer)
    let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
    defer { unsafe memory.deallocate() }
    // A pool's old content must never reach a result.
    unsafe memory.initializeMemory(as: UInt8.self, repeating: 0x3f, count: bytes)
    unsafe layer.data = memory
    let half = shape.half ?? shape.dim / 2
    var y = [Float](repeating: .nan, count: length * shape.heads * shape.dim)
    let workspace = UnsafeMutableRawPointer.allocate(byteCount: 1 << 20, alignment: 64)
    defer { unsafe workspace.deallocate() }
    for start in stride(from: 0, to: length, by: chunk) {
      let rows = min(chunk, length - start)
      let positions = (start..<(start + rows)).map { Int32($0) }
      let frequencies = (0..<half).map { index in 1 / Float(index + 1) }
      var table = [Float](repeating: 0, count: rows * 2 * half)
      let slots = positions.map { order[Int($0) / Self.pageSize] * Int32(Self.pageSize) + $0 % Int32(Self.pageSize) }
      unsafe table.withUnsafeMutableBufferPointer { table in
        var arguments = unsafe mk_rope_table_args(
          positions: positions.withUnsafeBufferPointer { $0.baseAddress },
          inverse_frequencies: frequencies.withUnsafeBufferPointer { $0.baseAddress }, rows: UInt32(rows),
          half: UInt32(half), magnitude: 1, table: table.baseAddress)
        #expect(unsafe stream.table.rope_table(stream.stream, &arguments) == 0)
      }
      unsafe qkv.withUnsafeMutableBufferPointer { qkv in
        unsafe y.withUnsafeMutableBufferPointer { y in
          unsafe withUnsafePointer(to: &layer) { layer in
            var rope = unsafe mk_rope_kv_args(
              qkv: qkv.baseAddress.unsafelyUnwrapped + start * width, rows: UInt32(rows), stride: UInt32(width),
              heads: UInt32(shape.heads),
              rope_table: table.withUnsafeBufferPointer { $0.baseAddress }, half: UInt32(half),
              style: UInt32(shape.style), q_norm: shape.hasNorms ? norms.baseAddress : nil,
              k_norm: shape.hasNorms ? norms.baseAddress : nil, norm_epsilon: 1e-5,
              slots: slots.withUnsafeBufferPointer { $0.baseAddress }, kv: layer, qkv_dtype: 0)
            #expect(unsafe stream.table.rope_kv(stream.stream, &rope) == 0)
            let sequences = [
              mk_attention_sequence(
                row_start: 0, row_count: UInt32(rows), kv_length: UInt32(start + rows), page_offset: 0)
            ]
            var attention = unsafe mk_attention_args(
              q: qkv.baseAddress.unsafelyUnwrapped + start * width, q_stride: UInt32(width), heads: UInt32(shape.heads),
              y: y.baseAddress.unsafelyUnwrapped + start * shape.heads * shape.dim,
              sequences: sequences.withUnsafeBufferPointer { $0.baseAddress }, sequence_count: 1,
              page_table: order.withUnsafeBufferPointer { $0.baseAddress }, kv: layer, scale: 0.125,
              soft_cap: shape.softCap,
              window: window, workspace: workspace, workspace_bytes: 1 << 20, q_dtype: 0,
              y_dtype: 0, max_row_count: 0, rope: nil)
            #expect(unsafe stream.table.attention(stream.stream, &attention) == 0)
            withExtendedLifetime((sequences, slots, positions, frequencies)) {}
          }
        }
      }
    }
    return y
  }

  @Test(arguments: [MK_F32, MK_F16, MK_BF16], [UInt32(0), 20])
  func bitsDependNeitherOnChunksNorOnPages(dtype: Int, window: UInt32) throws {
    let plain: [Int32] = [0, 1, 2, 3, 4, 5], shuffled: [Int32] = [9, 3, 11, 0, 7, 5]
    for variant in [MK_CPU_REFERENCE, MK_CPU_AVX2, MK_CPU_AVX512, MK_CPU_AMX, MK_CPU_NEON] {
      guard let whole = try outputs(variant: variant, chunk: 75, dtype: dtype, window: window, order: plain) else {
        continue
      }
      #expect(whole.allSatisfy { $0.isFinite })
      for chunk in [1, 7, 16, 33] {
        let parts = try #require(
          try outputs(variant: variant, chunk: chunk, dtype: dtype, window: window, order: shuffled))
        #expect(parts.map(\.bitPattern) == whole.map(\.bitPattern), "variant \(variant), chunks of \(chunk)")
      }
    }
  }

  @Test func theFirstRowSeesItselfOnly() throws {
    let shape = Shape()
    let width = (shape.heads + 2 * shape.kvHeads) * shape.dim
    var random = RandomSource(state: 7)
    let qkv = random.floats(width)
    let y = try #require(
      try outputs(variant: MK_CPU_BEST, chunk: 75, dtype: MK_F32, window: 0, order: [0, 1, 2, 3, 4]))
    let values = qkv[((shape.heads + shape.kvHeads) * shape.dim)...]
    for head in 0..<shape.heads {
      let kvHead = head / (shape.heads / shape.kvHeads)
      for index in 0..<shape.dim {
        let expected = values[values.startIndex + kvHead * shape.dim + index]
        #expect(abs(y[head * shape.dim + index] - expected) <= 1e-6)
      }
    }
  }

  /// The reference computes in double precision, one query and one position at a time.
  @Test(
    arguments: [
      Shape(), Shape(dim: 16, heads: 1, kvHeads: 1), Shape(dim: 80, heads: 5, kvHeads: 5),
      Shape(dim: 96, heads: 8, kvHeads: 2, softCap: 3), Shape(dim: 128, heads: 8, kvHeads: 1, style: MK_ROPE_PAIRS),
      Shape(dim: 256, heads: 4, kvHeads: 1, hasNorms: true), Shape(dim: 64, heads: 4, kvHeads: 4, half: 8),
    ], [(MK_F32, Float(2e-5)), (MK_F16, Float(2e-3)), (MK_BF16, Float(1.6e-2))])
  func fastVariantsAgreeWithTheReference(shape: Shape, cache: (dtype: Int, bound: Float)) throws {
    let order: [Int32] = [9, 3, 11, 0, 7, 5]
    for window in [UInt32(0), 20] {
      let expected = try #require(
        try outputs(
          variant: MK_CPU_REFERENCE, chunk: 75, dtype: cache.dtype, window: window, order: order, shape: shape))
      #expect(expected.allSatisfy { $0.isFinite })
      for variant in [MK_CPU_AVX2, MK_CPU_AVX512, MK_CPU_AMX, MK_CPU_NEON] {
        guard
          let values = try outputs(
            variant: variant, chunk: 33, dtype: cache.dtype, window: window, order: order, shape: shape)
        else { continue }
        let worst = zip(values, expected).map { abs($0 - $1) }.max() ?? .infinity
        #expect(worst <= cache.bound, "variant \(variant), window \(window)")
      }
    }
  }
}
