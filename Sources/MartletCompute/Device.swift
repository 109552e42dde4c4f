package import CMartletKernels

/// A kernel table with a stream of its own. Owned by one thread at a time: ops are enqueued in call order.
@safe package final class Device {
  package let table: KernelTable
  let stream: OpaquePointer

  package init(table: KernelTable, options: DeviceOptions = DeviceOptions()) throws(KernelError) {
    var native = mk_stream_options(
      threads: UInt32(clamping: options.threads), pin: options.pinsThreads ? 1 : 0,
      spin_microseconds: UInt32(clamping: options.spinMicroseconds), deterministic: 0)
    var stream: OpaquePointer?
    let status = unsafe table.pointer.pointee.stream_create(&native, &stream)
    guard status == 0, let stream = unsafe stream else { throw KernelError(status: status, operation: "stream_create") }
    self.table = table
    unsafe self.stream = stream
  }

  deinit { unsafe table.pointer.pointee.stream_destroy(stream) }

  var functions: mk_table { unsafe table.pointer.pointee }

  func check(_ status: Int32, _ operation: String) throws(KernelError) {
    guard status == 0 else { throw KernelError(status: status, operation: operation) }
  }

  package func synchronize() throws(KernelError) {
    try check(unsafe functions.stream_synchronize(stream), "synchronize")
  }

  package var statistics: mk_stream_statistics {
    var statistics = mk_stream_statistics()
    _ = unsafe functions.stream_statistics(stream, &statistics)
    return statistics
  }

  package func allocate(bytes: Int) throws(KernelError) -> DeviceMemory { try DeviceMemory(device: self, bytes: bytes) }

  package func allocate<T: BitwiseCopyable>(_ type: T.Type, count: Int) throws(KernelError) -> DeviceArray<T> {
    DeviceArray(memory: try allocate(bytes: max(1, count) * MemoryLayout<T>.stride), count: count)
  }
}
