/// Elements of one type in device memory.
@safe package struct DeviceArray<Element: BitwiseCopyable> {
  package let memory: DeviceMemory
  package let count: Int

  package var pointer: UnsafeMutablePointer<Element> { unsafe memory.pointer.assumingMemoryBound(to: Element.self) }

  /// The elements where the host can reach them (CPU devices).
  package var host: UnsafeMutableBufferPointer<Element> {
    unsafe UnsafeMutableBufferPointer(start: pointer, count: count)
  }
}
