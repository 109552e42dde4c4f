import CMartletKernels

/// A buffer of the forward pass: [maximum rows, columns] in float32, or in the 16 bits that the device prefers.
@safe package struct Activation {
  package let memory: DeviceMemory
  package let dtype: DType

  /// - Parameter count: values.
  package init(on device: Device, count: Int, dtype: DType = .f32) throws(KernelError) {
    self.dtype = dtype
    memory = try device.allocate(bytes: max(1, count) * dtype.elementSize)
  }

  /// Another use of a float32 buffer's memory.
  package init(sharing other: Activation, dtype: DType) {
    memory = other.memory
    self.dtype = dtype
  }

  package init(_ array: DeviceArray<Float>) {
    memory = array.memory
    dtype = .f32
  }

  /// The values as the table's structs name them.
  var pointer: UnsafeMutablePointer<Float> { unsafe memory.pointer.assumingMemoryBound(to: Float.self) }
}
