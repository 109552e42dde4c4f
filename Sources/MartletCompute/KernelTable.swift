package import CMartletKernels
import Glibc

/// A set of ops for one kind of device: compiled in for CPUs, a shared object's for any other.
@safe package struct KernelTable: Sendable {
  package enum Variant: String, Sendable, CaseIterable {
    case best = "auto"
    case reference, avx2, avx512, amx, neon
  }

  // Tables are constant data that lives as long as the process; libraries are never closed.
  nonisolated(unsafe) let pointer: UnsafePointer<mk_table>

  package var name: String { unsafe String(cString: pointer.pointee.name) }
  package var description: String { unsafe String(cString: pointer.pointee.description) }

  /// Host code must not touch this table's device memory.
  package var hasSeparateMemory: Bool { unsafe pointer.pointee.separate_memory != 0 }

  /// The type of activations that are neither the residual nor logits.
  package var activationType: DType {
    let dtype = unsafe pointer.pointee.activation_dtype
    return DType.allCases.first { $0.rawValue == dtype } ?? .f32
  }
  /// Whether products norm their input, and add or gate their output; and attention rotates.
  package var hasFusedOps: Bool { unsafe pointer.pointee.fused_linear != 0 }
  /// Whether steps can be recorded.
  package var hasGraphs: Bool { unsafe pointer.pointee.graph_begin != nil }

  /// Whether dense weights can be quantised on their way to the device.
  package var quantizesWeights: Bool { unsafe pointer.pointee.matrix_quantize != nil }

  /// A table that lives as long as the process.
  package init(_ table: UnsafePointer<mk_table>) { unsafe pointer = table }

  /// What a device with memory of its own has now.
  /// - Throws: why it cannot be used, and the remedy.
  package func deviceInfo() throws(BackendError) -> (freeBytes: Int, totalBytes: Int) {
    var info = unsafe mk_device_info()
    let status = unsafe pointer.pointee.device_info?(&info) ?? 3
    if let problem = unsafe info.problem { throw BackendError(path: name, reason: unsafe String(cString: problem)) }
    guard status == 0 else { throw BackendError(path: name, reason: "does not answer (status \(status))") }
    return unsafe (Int(clamping: info.free_bytes), Int(clamping: info.total_bytes))
  }

  /// nil when this processor cannot run the variant.
  package init?(cpu variant: Variant) {
    let number: Int
    switch variant {
    case .best: number = MK_CPU_BEST
    case .reference: number = MK_CPU_REFERENCE
    case .avx2: number = MK_CPU_AVX2
    case .avx512: number = MK_CPU_AVX512
    case .amx: number = MK_CPU_AMX
    case .neon: number = MK_CPU_NEON
    }
    guard let table = unsafe mk_cpu_table(UInt32(number)) else { return nil }
    unsafe pointer = table
  }

  /// Loads a backend library and checks its version.
  /// - Throws: why it cannot be used, as text.
  package init(library path: String) throws(BackendError) {
    guard let handle = unsafe dlopen(path, RTLD_NOW | RTLD_LOCAL) else {
      throw BackendError(path: path, reason: unsafe String(cString: dlerror()))
    }
    guard let symbol = unsafe dlsym(handle, "mk_backend_table") else {
      throw BackendError(path: path, reason: "does not export mk_backend_table")
    }
    typealias Entry = @convention(c) () -> UnsafePointer<mk_table>?
    let entry = unsafe unsafeBitCast(symbol, to: Entry.self)
    guard let table = unsafe entry() else { throw BackendError(path: path, reason: "found no usable device") }
    guard unsafe table.pointee.abi_version == MK_ABI_VERSION else {
      throw BackendError(
        path: path, reason: "has the interface version \(unsafe table.pointee.abi_version), not \(MK_ABI_VERSION)")
    }
    unsafe pointer = table
  }
}
