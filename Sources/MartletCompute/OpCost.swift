import CMartletKernels

/// What an op has to move and compute, told from its arguments.
struct OpCost {
  let shape: String
  let bytes: Int
  let operations: Int

  private init(shape: String, bytes: Int, operations: Int) {
    self.shape = shape
    self.bytes = bytes
    self.operations = operations
  }

  /// An op that passes over rows by columns elements.
  /// - Parameter bytes: moved for each of them.
  init(rows: Int, columns: Int, bytes: Int) {
    self.init(shape: "\(rows) x \(columns)", bytes: rows * columns * bytes, operations: 0)
  }

  init(linear arguments: UnsafePointer<mk_linear_args>?) {
    guard let arguments = unsafe arguments?.pointee else {
      self.init(rows: 0, columns: 0, bytes: 0)
      return
    }
    let rows = unsafe Int(arguments.rows)
    var columns = 0, outputs = 0, bytes = 0
    var types: [String] = []
    let segments = unsafe UnsafeBufferPointer(start: arguments.segments, count: Int(arguments.segment_count))
    let count = segments.count
    for index in 0..<count {
      let matrix = unsafe segments[index].matrix
      columns = unsafe Int(matrix.cols)
      outputs += unsafe Int(matrix.rows)
      bytes += unsafe Int(matrix.rows) * mk_row_bytes(matrix.dtype, matrix.cols)
      let number = unsafe matrix.dtype
      let name = DType.allCases.first { $0.rawValue == number }.map { "\($0)" } ?? "?"
      if !types.contains(name) { types.append(name) }
    }
    self.init(
      shape: "\(rows) x \(columns) -> \(outputs) \(types.joined(separator: "+"))",
      bytes: bytes + 4 * rows * (columns + outputs), operations: 2 * rows * columns * outputs)
  }

  /// - Parameter isReadable: the host can read the device's memory, where the sequences are.
  init(attention arguments: UnsafePointer<mk_attention_args>?, isReadable: Bool) {
    guard let arguments = unsafe arguments?.pointee, let cache = unsafe arguments.kv?.pointee else {
      self.init(rows: 0, columns: 0, bytes: 0)
      return
    }
    let element = unsafe cache.dtype == UInt32(MK_F32) ? 4 : 2
    let width = unsafe Int(cache.head_dim)
    var rows = 0, bytes = 0, pairs = 0
    let sequences = unsafe Int(arguments.sequence_count)
    for index in 0..<(isReadable ? sequences : 0) {
      let sequence = unsafe arguments.sequences[index]
      let count = Int(sequence.row_count), length = Int(sequence.kv_length)
      let seen = unsafe arguments.window == 0 ? length : min(length, count + Int(arguments.window))
      rows += count
      bytes += unsafe seen * Int(cache.kv_heads) * width * 2 * element
      pairs += count * seen - count * (count - 1) / 2
    }
    self.init(
      shape: isReadable ? "\(rows) rows of \(sequences) sequences" : "\(sequences) sequences", bytes: bytes,
      operations: unsafe 4 * max(0, pairs) * Int(arguments.heads) * width)
  }

  init(embedding arguments: UnsafePointer<mk_embedding_args>?) {
    guard let arguments = unsafe arguments?.pointee, let table = unsafe arguments.table?.pointee else {
      self.init(rows: 0, columns: 0, bytes: 0)
      return
    }
    self.init(rows: unsafe Int(arguments.rows), columns: unsafe Int(table.cols), bytes: 5)
  }

  init(sample arguments: UnsafePointer<mk_sample_args>?) {
    let (rows, columns) = unsafe (Int(arguments?.pointee.rows ?? 0), Int(arguments?.pointee.vocab ?? 0))
    self.init(rows: rows, columns: columns, bytes: 4)
  }
}
