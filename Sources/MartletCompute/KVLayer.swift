package import CMartletKernels

/// One layer's paged keys and values.
@safe package struct KVLayer {
  package let native: mk_kv_layer
  private let memory: DeviceMemory

  /// Bytes of a layer with `pages` pages; 0 where the table's ops do not keep such elements.
  package static func bytes(
    on table: KernelTable, dtype: DType, pages: Int, pageSize: Int, heads: Int, headDimension: Int
  ) -> Int {
    var geometry = unsafe mk_kv_layer(
      data: nil, dtype: dtype.rawValue, pages: UInt32(pages), page_size: UInt32(pageSize), kv_heads: UInt32(heads),
      head_dim: UInt32(headDimension))
    return unsafe table.pointer.pointee.kv_layer_bytes(&geometry)
  }

  /// Whether the table's ops keep keys and values as `dtype`.
  package static func isKept(_ dtype: DType, on table: KernelTable) -> Bool {
    bytes(on: table, dtype: dtype, pages: 1, pageSize: 16, heads: 1, headDimension: 64) > 0
  }

  package init(
    on device: Device, dtype: DType, pages: Int, pageSize: Int, heads: Int, headDimension: Int
  ) throws(KernelError) {
    memory = try device.allocate(
      bytes: Self.bytes(
        on: device.table, dtype: dtype, pages: pages, pageSize: pageSize, heads: heads, headDimension: headDimension))
    unsafe native = unsafe mk_kv_layer(
      data: memory.pointer, dtype: dtype.rawValue, pages: UInt32(pages), page_size: UInt32(pageSize),
      kv_heads: UInt32(heads), head_dim: UInt32(headDimension))
  }
}
