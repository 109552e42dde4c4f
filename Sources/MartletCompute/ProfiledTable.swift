import CMartletKernels
import Synchronization

/// Another table's ops, each timed on its own: a device with memory of its own is waited for around every op.
///
/// The functions of a table carry no context, so that what they forward to and record is the process's: one table is
/// profiled at a time.
package enum ProfiledTable {
  private struct State {
    var samples: [OpSample] = []
    var origin = ContinuousClock.now
  }

  // Written once, before the table is handed out.
  nonisolated(unsafe) private static var inner: UnsafePointer<mk_table>?
  private static let state = Mutex(State())

  /// Ops of `table`, recorded. Graphs are left out: their ops do not run one by one.
  package static func wrap(_ table: KernelTable) -> KernelTable {
    unsafe inner = table.pointer
    let copy = UnsafeMutablePointer<mk_table>.allocate(capacity: 1)
    unsafe copy.initialize(to: table.pointer.pointee)
    unsafe copy.pointee.graph_begin = nil
    unsafe setModelOps(copy)
    unsafe setSmallOps(copy)
    return unsafe KernelTable(copy)
  }

  /// What ran since the last call; times count from that call.
  package static func take() -> [OpSample] {
    state.withLock { state in
      defer { state = State() }
      return state.samples
    }
  }

  private static func timed(
    _ operation: String, _ stream: OpaquePointer?, _ cost: (mk_table) -> OpCost, _ body: (mk_table) -> Int32
  ) -> Int32 {
    guard let table = unsafe inner?.pointee else { return Int32(MK_UNSUPPORTED) }
    let waits = unsafe table.separate_memory != 0
    if waits { _ = unsafe table.stream_synchronize(stream) }
    let started = ContinuousClock.now
    let status = unsafe body(table)
    if waits { _ = unsafe table.stream_synchronize(stream) }
    let ended = ContinuousClock.now
    let cost = unsafe cost(table)
    state.withLock { state in
      state.samples.append(
        OpSample(
          operation: operation, shape: cost.shape, start: nanoseconds(state.origin, started),
          nanoseconds: nanoseconds(started, ended), bytes: cost.bytes, operations: cost.operations))
    }
    return status
  }

  private static func nanoseconds(_ from: ContinuousClock.Instant, _ to: ContinuousClock.Instant) -> UInt64 {
    UInt64(max(0, (to - from) / .nanoseconds(1)))
  }

  private static func setModelOps(_ table: UnsafeMutablePointer<mk_table>) {
    unsafe table.pointee.linear = { s, a in
      unsafe ProfiledTable.timed("linear", s, { _ in unsafe OpCost(linear: a) }, { unsafe $0.linear(s, a) })
    }
    unsafe table.pointee.attention = { s, a in
      unsafe ProfiledTable.timed(
        "attention", s, { unsafe OpCost(attention: a, isReadable: $0.separate_memory == 0) },
        { unsafe $0.attention(s, a) })
    }
    unsafe table.pointee.embedding = { s, a in
      unsafe ProfiledTable.timed("embedding", s, { _ in unsafe OpCost(embedding: a) }, { unsafe $0.embedding(s, a) })
    }
    unsafe table.pointee.sample = { s, a in
      unsafe ProfiledTable.timed("sample", s, { _ in unsafe OpCost(sample: a) }, { unsafe $0.sample(s, a) })
    }
  }

  private static func setSmallOps(_ table: UnsafeMutablePointer<mk_table>) {
    unsafe table.pointee.norm = { s, a in
      let (rows, columns) = unsafe (Int(a?.pointee.rows ?? 0), Int(a?.pointee.cols ?? 0))
      return unsafe ProfiledTable.timed(
        "norm", s, { _ in OpCost(rows: rows, columns: columns, bytes: 12) }, { unsafe $0.norm(s, a) })
    }
    unsafe table.pointee.gated = { s, a in
      let (rows, columns) = unsafe (Int(a?.pointee.rows ?? 0), Int(a?.pointee.n ?? 0))
      return unsafe ProfiledTable.timed(
        "gated", s, { _ in OpCost(rows: rows, columns: columns, bytes: 12) }, { unsafe $0.gated(s, a) })
    }
    unsafe table.pointee.rope_table = { s, a in
      let (rows, columns) = unsafe (Int(a?.pointee.rows ?? 0), Int(a?.pointee.half ?? 0))
      return unsafe ProfiledTable.timed(
        "rope_table", s, { _ in OpCost(rows: rows, columns: columns, bytes: 8) }, { unsafe $0.rope_table(s, a) })
    }
    unsafe table.pointee.rope_kv = { s, a in
      let (rows, columns) = unsafe (Int(a?.pointee.rows ?? 0), Int(a?.pointee.stride ?? 0))
      return unsafe ProfiledTable.timed(
        "rope_kv", s, { _ in OpCost(rows: rows, columns: columns, bytes: 8) }, { unsafe $0.rope_kv(s, a) })
    }
    unsafe table.pointee.gather = { s, a in
      let (rows, columns) = unsafe (Int(a?.pointee.count ?? 0), Int(a?.pointee.cols ?? 0))
      return unsafe ProfiledTable.timed(
        "gather", s, { _ in OpCost(rows: rows, columns: columns, bytes: 8) }, { unsafe $0.gather(s, a) })
    }
    unsafe table.pointee.adjust_logits = { s, a in
      let (rows, columns) = unsafe (Int(a?.pointee.rows ?? 0), Int(a?.pointee.vocab ?? 0))
      return unsafe ProfiledTable.timed(
        "adjust_logits", s, { _ in OpCost(rows: rows, columns: columns, bytes: 0) }, { unsafe $0.adjust_logits(s, a) })
    }
    unsafe table.pointee.logprobs = { s, a in
      let (rows, columns) = unsafe (Int(a?.pointee.rows ?? 0), Int(a?.pointee.vocab ?? 0))
      return unsafe ProfiledTable.timed(
        "logprobs", s, { _ in OpCost(rows: rows, columns: columns, bytes: 4) }, { unsafe $0.logprobs(s, a) })
    }
  }
}
