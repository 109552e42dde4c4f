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

  /// Bytes of the form that the device prefers; 0: it uses the file's layout in place.
  package static func packedBytes(
    on device: Device, dtype: DType, rows: Int, columns: Int
  ) throws(KernelError) -> Int {
    var bytes = 0
    try device.check(
      unsafe device.functions.matrix_packed_bytes(dtype.rawValue, UInt32(rows), UInt32(columns), &bytes),
      "matrix_packed_bytes")
    return bytes
  }

  /// The matrix in the device's preferred form; self when that is the file's own.
  package func packed(on device: Device, dtype: DType) throws(KernelError) -> (matrix: Matrix, bytes: Int) {
    let bytes = try Self.packedBytes(on: device, dtype: dtype, rows: rows, columns: columns)
    guard bytes > 0 else { return (self, 0) }
    let memory = try device.allocate(bytes: bytes)
    var source = unsafe native
    var result = unsafe mk_matrix()
    try device.check(
      unsafe device.functions.matrix_pack(device.stream, &source, memory.pointer, &result), "matrix_pack")
    return (unsafe Matrix(native: result, owner: memory), bytes)
  }
}
