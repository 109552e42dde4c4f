import CMartletKernels

/// Small inputs of a step, built on the host and sent to the device as one piece. Where the device shares the host's
/// memory they are written in place and nothing is sent.
///
/// Sections are carved again for every step; equal sizes in equal order give equal addresses, so that a recorded graph
/// finds them.
@safe package final class StagingBlock {
  /// What the host writes and ops read; valid until the next `removeAll`.
  @safe package struct Section<Element: BitwiseCopyable> {
    package let device: DeviceArray<Element>
    package let host: UnsafeMutableBufferPointer<Element>
    package var count: Int { unsafe host.count }
    package subscript(index: Int) -> Element {
      get { unsafe host[index] }
      nonmutating set { unsafe host[index] = newValue }
    }
  }

  private static let alignment = 64
  private let device: Device
  private let memory: DeviceMemory
  private let host: UnsafeMutableRawPointer
  private var used = 0

  /// Bytes that sections of these sizes take.
  package static func bytes(_ sizes: [Int]) -> Int {
    sizes.reduce(0) { $0 + ($1 + alignment - 1) / alignment * alignment }
  }

  package init(on device: Device, bytes: Int) throws(KernelError) {
    self.device = device
    memory = try device.allocate(bytes: max(bytes, Self.alignment))
    unsafe host =
      memory.isShared
      ? memory.pointer
      : UnsafeMutableRawPointer.allocate(byteCount: memory.bytes, alignment: Self.alignment)
  }

  deinit { if !memory.isShared { unsafe host.deallocate() } }

  package func removeAll() { used = 0 }

  /// Room for `count` elements; what it holds is not defined.
  package func section<T: BitwiseCopyable>(_ type: T.Type, count: Int) throws(KernelError) -> Section<T> {
    let bytes = Self.bytes([count * MemoryLayout<T>.stride])
    guard used + bytes <= memory.bytes else { throw KernelError(status: 1, operation: "step larger than its plan") }
    defer { used += bytes }
    let elements = unsafe (host + used).bindMemory(to: T.self, capacity: max(count, 1))
    return unsafe Section(
      device: DeviceArray(memory: memory, offset: used, count: count),
      host: UnsafeMutableBufferPointer(start: elements, count: count))
  }

  /// Sends all sections, in call order with the ops.
  package func send() throws(KernelError) {
    guard !memory.isShared, used > 0 else { return }
    try device.check(unsafe device.functions.memory_upload(device.stream, memory.pointer, host, used), "upload")
  }
}
