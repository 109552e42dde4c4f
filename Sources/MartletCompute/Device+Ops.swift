import CMartletKernels

/// The ops, one method for each entry of the table. Shapes and semantics are documented there (`martlet_kernels.h`).
extension Device {
  package enum NormMode: Sendable {
    case plain, addFirst, addAfter
    fileprivate var rawValue: UInt32 {
      switch self {
      case .plain: UInt32(MK_NORM_PLAIN)
      case .addFirst: UInt32(MK_NORM_ADD_FIRST)
      case .addAfter: UInt32(MK_NORM_ADD_AFTER)
      }
    }
  }

  package enum GatedActivation: Sendable { case silu, geluTanh }

  package func embedding(
    _ table: Matrix, ids: DeviceArray<Int32>, rows: Int, scale: Float, into y: DeviceArray<Float>
  ) throws(KernelError) {
    let status = unsafe withUnsafePointer(to: table.native) { native in
      var arguments = unsafe mk_embedding_args(
        table: native, ids: ids.pointer, rows: UInt32(rows), scale: scale, y: y.pointer)
      return unsafe functions.embedding(stream, &arguments)
    }
    try check(status, "embedding")
  }

  package func norm(
    _ x: DeviceArray<Float>, residual: DeviceArray<Float>?, weight: DeviceArray<Float>, into y: DeviceArray<Float>?,
    rows: Int, columns: Int, mode: NormMode, epsilon: Float
  ) throws(KernelError) {
    var arguments = unsafe mk_norm_args(
      x: x.pointer, residual: residual?.pointer, weight: weight.pointer, y: y?.pointer, rows: UInt32(rows),
      cols: UInt32(columns), mode: mode.rawValue, epsilon: epsilon, y_dtype: 0)
    try check(unsafe functions.norm(stream, &arguments), "norm")
  }

  /// y[rows, outputs] = x[rows, columns] * segments^T + biases.
  package func linear(
    _ x: DeviceArray<Float>, rows: Int, segments: LinearSegments, into y: DeviceArray<Float>, workspace: DeviceMemory
  ) throws(KernelError) {
    let status = unsafe segments.native.withUnsafeBufferPointer { native in
      var arguments = unsafe mk_linear_args(
        x: x.pointer, rows: UInt32(rows), x_stride: UInt32(segments.columns), segments: native.baseAddress,
        segment_count: UInt32(native.count), y: y.pointer, y_stride: UInt32(segments.outputs),
        workspace: workspace.pointer, workspace_bytes: workspace.bytes, x_dtype: 0, y_dtype: 0, norm_weight: nil,
        norm_epsilon: 0, output: 0)
      return unsafe functions.linear(stream, &arguments)
    }
    try check(status, "linear")
  }

  package func ropeTable(
    positions: DeviceArray<Int32>, frequencies: DeviceArray<Float>, rows: Int, magnitude: Float,
    into table: DeviceArray<Float>
  ) throws(KernelError) {
    var arguments = unsafe mk_rope_table_args(
      positions: positions.pointer, inverse_frequencies: frequencies.pointer, rows: UInt32(rows),
      half: UInt32(frequencies.count), magnitude: magnitude, table: table.pointer)
    try check(unsafe functions.rope_table(stream, &arguments), "rope_table")
  }

  /// Head norms, rotation, and the write of keys and values to the cache.
  package func ropeAndStore(
    _ qkv: DeviceArray<Float>, layout: HeadLayout, rows: Int, table: DeviceArray<Float>, half: Int, pairs: Bool,
    queryNorm: DeviceArray<Float>?, keyNorm: DeviceArray<Float>?, epsilon: Float, slots: DeviceArray<Int32>,
    cache: KVLayer
  ) throws(KernelError) {
    let status = unsafe withUnsafePointer(to: cache.native) { native in
      var arguments = unsafe mk_rope_kv_args(
        qkv: qkv.pointer, rows: UInt32(rows), stride: UInt32(layout.stride), heads: UInt32(layout.heads),
        rope_table: table.pointer, half: UInt32(half), style: UInt32(pairs ? MK_ROPE_PAIRS : MK_ROPE_HALVES),
        q_norm: UnsafePointer(queryNorm?.pointer), k_norm: UnsafePointer(keyNorm?.pointer), norm_epsilon: epsilon,
        slots: slots.pointer, kv: native, qkv_dtype: 0)
      return unsafe functions.rope_kv(stream, &arguments)
    }
    try check(status, "rope_kv")
  }

  package func attention(
    _ qkv: DeviceArray<Float>, layout: HeadLayout, into y: DeviceArray<Float>, sequences: SequenceTable,
    cache: KVLayer, scale: Float, softCap: Float, window: Int, workspace: DeviceMemory
  ) throws(KernelError) {
    let status = unsafe withUnsafePointer(to: cache.native) { native in
      var arguments = unsafe mk_attention_args(
        q: qkv.pointer, q_stride: UInt32(layout.stride), heads: UInt32(layout.heads), y: y.pointer,
        sequences: sequences.entries.pointer, sequence_count: UInt32(sequences.count),
        page_table: sequences.pages.pointer, kv: native, scale: scale, soft_cap: softCap, window: UInt32(window),
        workspace: workspace.pointer, workspace_bytes: workspace.bytes, q_dtype: 0, y_dtype: 0, max_row_count: 0,
        rope: nil)
      return unsafe functions.attention(stream, &arguments)
    }
    try check(status, "attention")
  }

  package func gated(
    _ x: DeviceArray<Float>, into y: DeviceArray<Float>, rows: Int, width: Int, activation: GatedActivation
  ) throws(KernelError) {
    var arguments = unsafe mk_gated_args(
      x: x.pointer, y: y.pointer, rows: UInt32(rows), n: UInt32(width),
      activation: UInt32(activation == .silu ? MK_SILU : MK_GELU_TANH), y_dtype: 0)
    try check(unsafe functions.gated(stream, &arguments), "gated")
  }

  /// y[i] = x[indices[offset + i]]
  package func gather(
    _ x: DeviceArray<Float>, rows: Int, columns: Int, indices: DeviceArray<Int32>, offset: Int, count: Int,
    into y: DeviceArray<Float>
  ) throws(KernelError) {
    var arguments = unsafe mk_gather_args(
      x: x.pointer, indices: UnsafePointer(indices.pointer + offset), y: y.pointer, count: UInt32(count),
      cols: UInt32(columns), x_rows: UInt32(rows), x_dtype: 0)
    try check(unsafe functions.gather(stream, &arguments), "gather")
  }

  package func softCap(_ x: DeviceArray<Float>, count: Int, cap: Float) throws(KernelError) {
    try check(unsafe functions.soft_cap(stream, x.pointer, count, cap), "soft_cap")
  }
}
