import CMartletKernels

/// What a product leaves of its sums for the norm after it: the rows times the norm's weight, and sums of squares of
/// their parts, by which the next product divides (`mk_linear_args.next_x`).
package struct DeferredNorm {
  /// [rows, columns], of the table's activation type
  package let rows: Activation
  let squares: DeviceArray<Float>

  /// - Parameter rows: memory for the rows.
  package init(on device: Device, rows: Activation, rowCount: Int, columns: Int) throws(KernelError) {
    self.rows = rows
    squares = try device.allocate(Float.self, count: rowCount * Int(mk_square_parts(UInt32(columns))))
  }
}
