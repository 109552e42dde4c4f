import CMartletKernels
import Testing

/// A kernel variant with a stream of its own.
@safe final class CPUStream {
  let table: mk_table
  let stream: OpaquePointer

  /// nil when this processor cannot run the variant.
  init?(_ variant: Int, threads: UInt32 = 2) {
    guard let table = unsafe mk_cpu_table(UInt32(variant)) else { return nil }
    unsafe self.table = unsafe table.pointee
    var options = mk_stream_options(threads: threads, pin: 0, spin_microseconds: 20, deterministic: 0)
    var stream: OpaquePointer?
    guard unsafe table.pointee.stream_create(&options, &stream) == 0, let stream = unsafe stream else { return nil }
    unsafe self.stream = stream
  }

  deinit { unsafe table.stream_destroy(stream) }
}
