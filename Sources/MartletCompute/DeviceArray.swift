/// Elements of one type in device memory. Host code reads and writes them by `Device.upload` and `download`.
@safe package struct DeviceArray<Element: BitwiseCopyable> {
  package let memory: DeviceMemory
  /// Bytes from the memory's start.
  private let offset: Int
  package let count: Int

  /// - Parameter offset: bytes from the memory's start, aligned for the element; the caller has checked the size.
  init(memory: DeviceMemory, offset: Int = 0, count: Int) {
    self.memory = memory
    self.offset = offset
    self.count = count
  }

  var pointer: UnsafeMutablePointer<Element> {
    unsafe (memory.pointer + offset).assumingMemoryBound(to: Element.self)
  }

  /// The elements from `start` on.
  package func suffix(from start: Int) -> DeviceArray {
    let first = min(max(start, 0), count)
    return DeviceArray(memory: memory, offset: offset + first * MemoryLayout<Element>.stride, count: count - first)
  }

  /// The elements where they lie, on devices that share the host's memory; nil on others.
  package var host: UnsafeMutableBufferPointer<Element>? {
    guard memory.isShared else { return nil }
    return unsafe UnsafeMutableBufferPointer(start: pointer, count: count)
  }
}
