import CMartletKernels

/// A block of device memory, zeroed, at least 64-byte aligned; given back when the last reference goes.
@safe package final class DeviceMemory {
  package let bytes: Int
  private let device: Device
  let pointer: UnsafeMutableRawPointer
  /// Whether host code may touch it.
  var isShared: Bool { !device.table.hasSeparateMemory }

  init(device: Device, bytes: Int) throws(KernelError) {
    var pointer: UnsafeMutableRawPointer?
    let status = unsafe device.functions.memory_allocate(device.stream, bytes, &pointer)
    guard status == 0, let pointer = unsafe pointer else {
      throw KernelError(status: status == 0 ? 2 : status, operation: "allocating \(bytes) bytes")
    }
    self.bytes = bytes
    self.device = device
    unsafe self.pointer = pointer
  }

  deinit { unsafe device.functions.memory_free(device.stream, pointer, bytes) }
}
