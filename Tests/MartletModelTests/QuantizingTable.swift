import CMartletKernels
import MartletCompute
import Synchronization

/// A device that says it quantises weights and keeps FP8 keys and values: it notes what it is asked to quantise. Its
/// matrices and its cache are not to be used.
enum QuantizingTable {
  struct Request: Equatable {
    let dtype: UInt32
    let rows: UInt32, columns: UInt32, allRows: UInt32, firstRow: UInt32
  }

  private static let requests = Mutex<[Request]>([])

  /// What was quantised since the last call.
  static func take() -> [Request] {
    requests.withLock { requests in
      defer { requests = [] }
      return requests
    }
  }

  /// Made once: tables live as long as the process.
  static let table: KernelTable? = {
    guard let reference = unsafe mk_cpu_table(UInt32(MK_CPU_REFERENCE)) else { return nil }
    let copy = UnsafeMutablePointer<mk_table>.allocate(capacity: 1)
    unsafe copy.initialize(to: reference.pointee)
    unsafe copy.pointee.matrix_packed_bytes = { dtype, rows, columns, bytes in
      let all = Int(rows) * mk_row_bytes(dtype, columns)
      unsafe bytes?.pointee = dtype == UInt32(MK_F8_E4M3) ? all + 4 * Int(rows) : all
      return 0
    }
    unsafe copy.pointee.kv_layer_bytes = { layer in
      guard let kv = unsafe layer?.pointee else { return 0 }
      let size = unsafe kv.dtype == UInt32(MK_F8_E4M3) ? 1 : kv.dtype == UInt32(MK_F32) ? 4 : 2
      return unsafe size * 2 * Int(kv.pages) * Int(kv.page_size) * Int(kv.kv_heads) * Int(kv.head_dim)
    }
    unsafe copy.pointee.matrix_pack = { _, source, _, out in
      guard let source = unsafe source?.pointee else { return 1 }
      unsafe out?.pointee = source
      return 0
    }
    unsafe copy.pointee.matrix_quantize = { _, source, dtype, _, allRows, firstRow, out in
      guard let source = unsafe source?.pointee else { return 1 }
      let request = unsafe Request(
        dtype: dtype, rows: source.rows, columns: source.cols, allRows: allRows, firstRow: firstRow)
      QuantizingTable.requests.withLock { $0.append(request) }
      unsafe out?.pointee = source
      return 0
    }
    return unsafe KernelTable(copy)
  }()
}
