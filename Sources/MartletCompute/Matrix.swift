package import CMartletKernels

/// A weight matrix [rows, columns] on a device: packed by the device, or in the file's layout where it lies.
@safe package struct Matrix {
  package let native: mk_matrix
  /// Keeps the elements alive.
  private let owner: AnyObject?
  package let rows: Int
  package let columns: Int

  /// Describes elements in the file's layout. `owner` keeps them alive.
  package init(fileData: UnsafeRawPointer, dtype: DType, rows: Int, columns: Int, owner: AnyObject?) {
    unsafe native = unsafe mk_matrix(
      data: fileData, dtype: dtype.rawValue, layout: 0, rows: UInt32(rows), cols: UInt32(columns))
    self.owner = owner
    self.rows = rows
    self.columns = columns
  }

  private init(native: mk_matrix, owner: AnyObject?) {
    unsafe self.native = unsafe native
    self.owner = owner
    rows = unsafe Int(native.rows)
    columns = unsafe Int(native.cols)
  }

  /// Bytes of the form that a device of this table prefers; 0: it uses the file's layout in place.
  package static func packedBytes(
    on table: KernelTable, dtype: DType, rows: Int, columns: Int
  ) throws(KernelError) -> Int {
    var bytes = 0
    let status = unsafe table.pointer.pointee.matrix_packed_bytes(
      dtype.rawValue, UInt32(rows), UInt32(columns), &bytes)
    guard status == 0 else { throw KernelError(status: status, operation: "matrix_packed_bytes") }
    return bytes
  }

  /// The values as float32, [rows, columns].
  package func values(on device: Device) throws(KernelError) -> DeviceArray<Float> {
    let values = try device.allocate(Float.self, count: rows * columns)
    let ids = try device.array((0..<Int32(rows)).map { $0 })
    try device.embedding(self, ids: ids, rows: rows, scale: 1, into: Activation(values))
    try device.synchronize()
    return values
  }

  /// The same matrix as float32 in the file's layout, in host memory.
  package func dequantized(on device: Device) throws(KernelError) -> Matrix {
    guard let table = KernelTable(cpu: .best), device.table.hasSeparateMemory else {
      let values = try values(on: device)
      return unsafe Matrix(fileData: values.pointer, dtype: .f32, rows: rows, columns: columns, owner: values.memory)
    }
    return try dequantized(on: try Device(table: table))
  }

  /// The matrix in the device's preferred form; self when that is the file's own.
  package func packed(on device: Device, dtype: DType) throws(KernelError) -> (matrix: Matrix, bytes: Int) {
    let bytes = try Self.packedBytes(on: device.table, dtype: dtype, rows: rows, columns: columns)
    guard bytes > 0 else { return (self, 0) }
    return (try packed(on: device, into: try device.allocate(bytes: bytes), offset: 0), bytes)
  }

  /// Packs to `offset` bytes into `memory`, where the packed form has room.
  package func packed(on device: Device, into memory: DeviceMemory, offset: Int) throws(KernelError) -> Matrix {
    var source = unsafe native
    var result = unsafe mk_matrix()
    try device.check(
      unsafe device.functions.matrix_pack(device.stream, &source, memory.pointer + offset, &result), "matrix_pack")
    return unsafe Matrix(native: result, owner: memory)
  }

  /// A dense matrix in the file's layout, quantised to rows `firstRow`... of the `allRows` that `memory` has room for.
  /// Rows in one memory can be multiplied as one matrix.
  package func quantized(
    on device: Device, to dtype: DType, into memory: DeviceMemory, allRows: Int, firstRow: Int
  ) throws(KernelError) -> Matrix {
    guard let quantize = unsafe device.functions.matrix_quantize else {
      throw KernelError(status: 3, operation: "matrix_quantize")
    }
    var source = unsafe native
    var result = unsafe mk_matrix()
    let status = unsafe quantize(
      device.stream, &source, dtype.rawValue, memory.pointer, UInt32(allRows), UInt32(firstRow), &result)
    try device.check(status, "matrix_quantize")
    return unsafe Matrix(native: result, owner: memory)
  }
}
