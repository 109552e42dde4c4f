import CMartletKernels
import Testing

/// Memory for a kernel's argument, with poisoned bytes behind it that no kernel may touch.
@safe final class KernelBuffer<Element: BitwiseCopyable> {
  let base: UnsafeMutablePointer<Element>
  let count: Int
  private let raw: UnsafeMutableRawPointer
  private static var guardBytes: Int { 256 }
  private static var poison: UInt8 { 0xa5 }

  init(_ values: [Element]) {
    count = values.count
    let bytes = values.count * MemoryLayout<Element>.stride
    unsafe raw = UnsafeMutableRawPointer.allocate(byteCount: bytes + Self.guardBytes, alignment: 64)
    unsafe raw.initializeMemory(as: UInt8.self, repeating: Self.poison, count: bytes + Self.guardBytes)
    unsafe base = unsafe raw.assumingMemoryBound(to: Element.self)
    for (index, value) in values.enumerated() { unsafe base[index] = value }
  }

  convenience init(repeating value: Element, count: Int) { self.init([Element](repeating: value, count: count)) }

  deinit { unsafe raw.deallocate() }

  /// The content; fails the test when something wrote behind it.
  var values: [Element] {
    let start = count * MemoryLayout<Element>.stride
    let guardIsIntact = (start..<(start + Self.guardBytes)).allSatisfy { index in
      unsafe raw.load(fromByteOffset: index, as: UInt8.self) == Self.poison
    }
    #expect(guardIsIntact, "a kernel wrote behind its output")
    return (0..<count).map { unsafe base[$0] }
  }
}

/// Every kernel variant of a CPU; tests pass over those that this processor does not run.
let cpuVariants = [MK_CPU_REFERENCE, MK_CPU_AVX2, MK_CPU_AVX512, MK_CPU_AMX, MK_CPU_NEON]
