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
    _ table: Matrix, ids: DeviceArray<Int32>, rows: Int, scale: Float, into y: Activation
  ) throws(KernelError) {
    let status = unsafe withUnsafePointer(to: table.native) { native in
      var arguments = unsafe mk_embedding_args(
        table: native, ids: ids.pointer, rows: UInt32(rows), scale: scale, y: y.pointer)
      return unsafe functions.embedding(stream, &arguments)
    }
    try check(status, "embedding")
  }

  package func norm(
    _ x: Activation, residual: Activation?, weight: DeviceArray<Float>, into y: Activation?, rows: Int, columns: Int,
    mode: NormMode, epsilon: Float
  ) throws(KernelError) {
    var arguments = unsafe mk_norm_args(
      x: x.pointer, residual: residual?.pointer, weight: weight.pointer, y: y?.pointer, rows: UInt32(rows),
      cols: UInt32(columns), mode: mode.rawValue, epsilon: epsilon, y_dtype: y?.dtype.rawValue ?? 0)
    try check(unsafe functions.norm(stream, &arguments), "norm")
  }

  /// y[rows, outputs] = x[rows, columns] * segments^T + biases. With `norm`, on tables with fused products, x is normed
  /// first; `deferred`: x is what a product left for that norm. `next`: the norm of y that is left so in turn.
  package func linear(
    _ x: Activation, norm: (weight: DeviceArray<Float>, epsilon: Float)?, deferred: DeferredNorm? = nil, rows: Int,
    segments: LinearSegments, output: LinearOutput, into y: Activation,
    next: (weight: DeviceArray<Float>, norm: DeferredNorm)? = nil, workspace: DeviceMemory
  ) throws(KernelError) {
    let isGated =
      switch output {
      case .store, .add: false
      case .silu, .geluTanh: true
      }
    let status = unsafe segments.native.withUnsafeBufferPointer { native in
      var arguments = unsafe mk_linear_args(
        x: x.pointer, rows: UInt32(rows), x_stride: UInt32(segments.columns), segments: native.baseAddress,
        segment_count: UInt32(native.count), y: y.pointer,
        y_stride: UInt32(isGated ? segments.outputs / 2 : segments.outputs), workspace: workspace.pointer,
        workspace_bytes: workspace.bytes, x_dtype: x.dtype.rawValue, y_dtype: y.dtype.rawValue,
        norm_weight: deferred == nil ? UnsafePointer(norm?.weight.pointer) : nil, norm_epsilon: norm?.epsilon ?? 0,
        output: output.rawValue, next_norm_weight: UnsafePointer(next?.weight.pointer),
        next_x: next.map { unsafe UnsafeMutableRawPointer($0.norm.rows.pointer) },
        next_squares: next?.norm.squares.pointer, squares: UnsafePointer(deferred?.squares.pointer))
      return unsafe functions.linear(stream, &arguments)
    }
    try check(status, "linear")
  }

  package func ropeTable(
    positions: DeviceArray<Int32>, frequencies: DeviceArray<Float>, rows: Int, magnitude: Float, into table: Activation
  ) throws(KernelError) {
    var arguments = unsafe mk_rope_table_args(
      positions: positions.pointer, inverse_frequencies: frequencies.pointer, rows: UInt32(rows),
      half: UInt32(frequencies.count), magnitude: magnitude, table: table.pointer)
    try check(unsafe functions.rope_table(stream, &arguments), "rope_table")
  }

  /// Head norms, rotation and the write of keys and values to the cache, then attention. `qkv` is left undefined.
  package func attention(
    _ qkv: Activation, layout: HeadLayout, rope: RopeInput, into y: Activation, rows: Int, sequences: SequenceTable,
    cache: KVLayer, scale: Float, softCap: Float, window: Int, workspace: DeviceMemory
  ) throws(KernelError) {
    var failed = "attention"
    let status = unsafe withUnsafePointer(to: cache.native) { native in
      var rotation = unsafe mk_rope_kv_args(
        qkv: qkv.pointer, rows: UInt32(rows), stride: UInt32(layout.stride), heads: UInt32(layout.heads),
        rope_table: rope.table.pointer, half: UInt32(rope.half),
        style: UInt32(rope.pairs ? MK_ROPE_PAIRS : MK_ROPE_HALVES), q_norm: UnsafePointer(rope.queryNorm?.pointer),
        k_norm: UnsafePointer(rope.keyNorm?.pointer), norm_epsilon: rope.epsilon, slots: rope.slots.pointer, kv: native,
        qkv_dtype: qkv.dtype.rawValue)
      return unsafe withUnsafePointer(to: &rotation) { rotation in
        if !table.hasFusedOps {
          let status = unsafe functions.rope_kv(stream, rotation)
          guard status == 0 else {
            failed = "rope_kv"
            return status
          }
        }
        var arguments = unsafe mk_attention_args(
          q: qkv.pointer, q_stride: UInt32(layout.stride), heads: UInt32(layout.heads), y: y.pointer,
          sequences: sequences.entryArray.pointer, sequence_count: UInt32(sequences.count),
          page_table: sequences.pageArray.pointer, kv: native, scale: scale, soft_cap: softCap, window: UInt32(window),
          workspace: workspace.pointer, workspace_bytes: workspace.bytes, q_dtype: qkv.dtype.rawValue,
          y_dtype: y.dtype.rawValue, max_row_count: UInt32(sequences.maxRowCount),
          rope: table.hasFusedOps ? rotation : nil)
        return unsafe functions.attention(stream, &arguments)
      }
    }
    try check(status, failed)
  }

  package func gated(
    _ x: Activation, into y: Activation, rows: Int, width: Int, activation: GatedActivation
  ) throws(KernelError) {
    var arguments = unsafe mk_gated_args(
      x: x.pointer, y: y.pointer, rows: UInt32(rows), n: UInt32(width),
      activation: UInt32(activation == .silu ? MK_SILU : MK_GELU_TANH), y_dtype: y.dtype.rawValue)
    try check(unsafe functions.gated(stream, &arguments), "gated")
  }

  /// y[i] = x[indices[i]]; y has the type of x.
  package func gather(
    _ x: Activation, rows: Int, columns: Int, indices: DeviceArray<Int32>, count: Int, into y: Activation
  ) throws(KernelError) {
    var arguments = unsafe mk_gather_args(
      x: x.pointer, indices: UnsafePointer(indices.pointer), y: y.pointer, count: UInt32(count),
      cols: UInt32(columns), x_rows: UInt32(rows), x_dtype: x.dtype.rawValue)
    try check(unsafe functions.gather(stream, &arguments), "gather")
  }

  /// ids[i] = last[~ids[i]] where ids[i] is negative.
  package func feedTokens(_ ids: DeviceArray<Int32>, rows: Int, from last: DeviceArray<Int32>) throws(KernelError) {
    var arguments = unsafe mk_feed_args(
      ids: ids.pointer, rows: UInt32(rows), last: UnsafePointer(last.pointer), slots: UInt32(last.count))
    try check(unsafe functions.feed_tokens(stream, &arguments), "feed_tokens")
  }

  /// last[slots[i]] = tokens[i]; rows with a negative slot are left out.
  package func keepTokens(
    _ tokens: DeviceArray<Int32>, slots: DeviceArray<Int32>, rows: Int, in last: DeviceArray<Int32>
  ) throws(KernelError) {
    var arguments = unsafe mk_keep_args(
      tokens: UnsafePointer(tokens.pointer), slot: UnsafePointer(slots.pointer), rows: UInt32(rows),
      last: last.pointer, slots: UInt32(last.count))
    try check(unsafe functions.keep_tokens(stream, &arguments), "keep_tokens")
  }

  package func softCap(_ x: DeviceArray<Float>, count: Int, cap: Float) throws(KernelError) {
    try check(unsafe functions.soft_cap(stream, x.pointer, count, cap), "soft_cap")
  }
}
