import CMartletKernels
import Foundation
import Glibc
import MartletCompute
import Synchronization

/// The CPU's ops behind a wall: a device whose memory host code cannot touch. Every op opens the memory while it runs;
/// anything else that reads or writes it ends the process with a fault. Downloads that are started are taken when they
/// are finished, as late as a device may do it.
enum StagedTable {
  private struct Allocation {
    let address: UInt
    let bytes: Int

    func protect(_ protection: Int32) {
      unsafe mprotect(UnsafeMutableRawPointer(bitPattern: address), bytes, protection)
    }
  }
  private struct State {
    var allocations: [Allocation] = []
    var downloads: [UInt32: [UInt8]] = [:]
  }

  nonisolated(unsafe) private static let cpu: UnsafePointer<mk_table>? = unsafe mk_cpu_table(UInt32(MK_CPU_BEST))
  private static let state = Mutex(State())

  /// Runs an op of the CPU with the device's memory open.
  private static func open(_ body: (mk_table) -> Int32) -> Int32 {
    state.withLock { state in
      guard let cpu = unsafe cpu else { return 3 }
      for allocation in state.allocations { allocation.protect(PROT_READ | PROT_WRITE) }
      defer { for allocation in state.allocations { allocation.protect(PROT_NONE) } }
      return unsafe body(cpu.pointee)
    }
  }

  private static func pages(_ bytes: Int) -> Int { (bytes + 4095) / 4096 * 4096 }

  private static func allocate(_ bytes: Int) -> UnsafeMutableRawPointer? {
    let size = pages(bytes)
    guard let base = unsafe mmap(nil, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), unsafe base != MAP_FAILED
    else {
      return nil
    }
    let allocation = Allocation(address: UInt(bitPattern: base), bytes: size)
    state.withLock { $0.allocations.append(allocation) }
    return unsafe base
  }

  private static func free(_ pointer: UnsafeMutableRawPointer, _ bytes: Int) {
    let address = UInt(bitPattern: pointer)
    state.withLock { $0.allocations.removeAll { $0.address == address } }
    unsafe munmap(pointer, pages(bytes))
  }

  /// Made once: tables live as long as the process.
  static let table: KernelTable? = {
    guard let cpu = unsafe cpu else { return nil }
    let copy = UnsafeMutablePointer<mk_table>.allocate(capacity: 1)
    unsafe copy.initialize(to: cpu.pointee)
    unsafe copy.pointee.separate_memory = 1
    // Matrices stay in the file's layout here, with which products take no other ops in.
    unsafe copy.pointee.fused_linear = 0
    unsafe setMemory(copy)
    unsafe setOps(copy)
    return unsafe KernelTable(copy)
  }()

  private static func setMemory(_ table: UnsafeMutablePointer<mk_table>) {
    unsafe table.pointee.memory_allocate = { _, bytes, out in
      guard let out = unsafe out, let memory = unsafe StagedTable.allocate(bytes) else { return 2 }
      unsafe out.pointee = memory
      return 0
    }
    unsafe table.pointee.memory_free = { _, pointer, bytes in
      if let pointer = unsafe pointer { unsafe StagedTable.free(pointer, bytes) }
    }
    unsafe table.pointee.memory_upload = { stream, to, from, bytes in
      unsafe StagedTable.open { unsafe $0.memory_upload(stream, to, from, bytes) }
    }
    unsafe table.pointee.memory_download = { stream, to, from, bytes in
      unsafe StagedTable.open { unsafe $0.memory_download(stream, to, from, bytes) }
    }
    unsafe table.pointee.matrix_packed_bytes = { dtype, rows, cols, bytes in
      unsafe bytes?.pointee = Int(rows) * mk_row_bytes(dtype, cols)
      return 0
    }
    unsafe table.pointee.matrix_pack = { _, source, destination, out in
      unsafe StagedTable.open { _ in
        guard let source = unsafe source?.pointee, let destination = unsafe destination else { return 1 }
        unsafe memcpy(destination, source.data, Int(source.rows) * mk_row_bytes(source.dtype, source.cols))
        unsafe out?.pointee = source
        unsafe out?.pointee.data = UnsafeRawPointer(destination)
        return 0
      }
    }
    unsafe table.pointee.download_begin = { stream, channel, source, bytes in
      var copy = [UInt8](repeating: 0, count: bytes)
      let status = unsafe copy.withUnsafeMutableBytes { copy in
        unsafe StagedTable.open { unsafe $0.memory_download(stream, copy.baseAddress, source, bytes) }
      }
      return StagedTable.state.withLock { state in
        guard state.downloads[channel] == nil else { return 1 }
        state.downloads[channel] = copy
        return status
      }
    }
    unsafe table.pointee.download_end = { _, channel, destination, bytes in
      guard let copy = StagedTable.state.withLock({ $0.downloads.removeValue(forKey: channel) }) else { return 1 }
      unsafe copy.withUnsafeBytes { copy in
        if let destination = unsafe destination, let base = copy.baseAddress { unsafe memcpy(destination, base, bytes) }
      }
      return 0
    }
  }

  private static func setOps(_ table: UnsafeMutablePointer<mk_table>) {
    unsafe table.pointee.embedding = { s, a in unsafe StagedTable.open { unsafe $0.embedding(s, a) } }
    unsafe table.pointee.norm = { s, a in unsafe StagedTable.open { unsafe $0.norm(s, a) } }
    unsafe table.pointee.linear = { s, a in unsafe StagedTable.open { unsafe $0.linear(s, a) } }
    unsafe table.pointee.rope_table = { s, a in unsafe StagedTable.open { unsafe $0.rope_table(s, a) } }
    unsafe table.pointee.rope_kv = { s, a in unsafe StagedTable.open { unsafe $0.rope_kv(s, a) } }
    unsafe table.pointee.attention = { s, a in unsafe StagedTable.open { unsafe $0.attention(s, a) } }
    unsafe table.pointee.gated = { s, a in unsafe StagedTable.open { unsafe $0.gated(s, a) } }
    unsafe table.pointee.gather = { s, a in unsafe StagedTable.open { unsafe $0.gather(s, a) } }
    unsafe table.pointee.scale = { s, x, n, f in unsafe StagedTable.open { unsafe $0.scale(s, x, n, f) } }
    unsafe table.pointee.soft_cap = { s, x, n, c in unsafe StagedTable.open { unsafe $0.soft_cap(s, x, n, c) } }
    unsafe table.pointee.adjust_logits = { s, a in unsafe StagedTable.open { unsafe $0.adjust_logits(s, a) } }
    unsafe table.pointee.sample = { s, a in unsafe StagedTable.open { unsafe $0.sample(s, a) } }
    unsafe table.pointee.logprobs = { s, a in unsafe StagedTable.open { unsafe $0.logprobs(s, a) } }
    unsafe table.pointee.feed_tokens = { s, a in unsafe StagedTable.open { unsafe $0.feed_tokens(s, a) } }
    unsafe table.pointee.keep_tokens = { s, a in unsafe StagedTable.open { unsafe $0.keep_tokens(s, a) } }
  }
}
