package import CMartletKernels

/// A kernel table with a stream of its own. Owned by one thread at a time: ops are enqueued in call order.
@safe package final class Device {
  package let table: KernelTable
  let stream: OpaquePointer
  /// Rows up to which a norm may be left to the product behind it (`mk_table.deferred_norm_rows`).
  package let deferredNormRows: Int
  private var freeChannels: Set<UInt32>

  package init(table: KernelTable, options: DeviceOptions = DeviceOptions()) throws(KernelError) {
    var native = mk_stream_options(
      threads: UInt32(clamping: options.threads), pin: options.pinsThreads ? 1 : 0,
      spin_microseconds: UInt32(clamping: options.spinMicroseconds), deterministic: options.isDeterministic ? 1 : 0)
    var stream: OpaquePointer?
    let status = unsafe table.pointer.pointee.stream_create(&native, &stream)
    guard status == 0, let stream = unsafe stream else { throw KernelError(status: status, operation: "stream_create") }
    self.table = table
    unsafe self.stream = stream
    deferredNormRows = options.isDeterministic ? 0 : Int(unsafe table.pointer.pointee.deferred_norm_rows)
    freeChannels = Set(0..<UInt32(MK_DOWNLOAD_CHANNELS))
  }

  deinit { unsafe table.pointer.pointee.stream_destroy(stream) }

  var functions: mk_table { unsafe table.pointer.pointee }

  func check(_ status: Int32, _ operation: String) throws(KernelError) {
    guard status == 0 else { throw KernelError(status: status, operation: operation) }
  }

  package func synchronize() throws(KernelError) {
    try check(unsafe functions.stream_synchronize(stream), "synchronize")
  }

  package var statistics: mk_stream_statistics {
    var statistics = mk_stream_statistics()
    _ = unsafe functions.stream_statistics(stream, &statistics)
    return statistics
  }

  package func allocate(bytes: Int) throws(KernelError) -> DeviceMemory { try DeviceMemory(device: self, bytes: bytes) }

  package func allocate<T: BitwiseCopyable>(_ type: T.Type, count: Int) throws(KernelError) -> DeviceArray<T> {
    DeviceArray(memory: try allocate(bytes: max(1, count) * MemoryLayout<T>.stride), count: count)
  }

  /// An array that holds `values`.
  package func array<T: BitwiseCopyable>(_ values: [T]) throws(KernelError) -> DeviceArray<T> {
    let array = try allocate(T.self, count: values.count)
    try upload(values, to: array)
    return array
  }

  /// Copies `values` to the array's start, in call order with the ops.
  package func upload<T: BitwiseCopyable>(_ values: [T], to array: DeviceArray<T>) throws(KernelError) {
    guard values.count <= array.count else { throw KernelError(status: 1, operation: "upload") }
    let status = unsafe values.withUnsafeBytes { bytes in
      unsafe bytes.isEmpty ? 0 : functions.memory_upload(stream, array.pointer, bytes.baseAddress, bytes.count)
    }
    try check(status, "upload")
  }

  /// Waits for the ops before it; the array's first `count` elements.
  package func download<T: BitwiseCopyable & ExpressibleByIntegerLiteral>(
    _ array: DeviceArray<T>, count: Int
  ) throws(KernelError) -> [T] {
    guard count <= array.count else { throw KernelError(status: 1, operation: "download") }
    var values = [T](repeating: 0, count: count)
    let status = unsafe values.withUnsafeMutableBytes { bytes in
      unsafe bytes.isEmpty ? 0 : functions.memory_download(stream, bytes.baseAddress, array.pointer, bytes.count)
    }
    try check(status, "download")
    return values
  }

  /// The same for a buffer of the forward pass, as float32.
  package func download(_ activation: Activation, count: Int) throws(KernelError) -> [Float] {
    switch activation.dtype {
    case .f16:
      try download(DeviceArray<Float16>(memory: activation.memory, count: count), count: count).map { Float($0) }
    case .bf16:
      try download(DeviceArray<UInt16>(memory: activation.memory, count: count), count: count)
        .map { Float(bitPattern: UInt32($0) << 16) }
    default: try download(DeviceArray<Float>(memory: activation.memory, count: count), count: count)
    }
  }

  /// Starts a copy of the array's first `count` elements, without waiting for the ops before it; `finish` has them.
  /// Few and small: as many as the table has channels.
  package func startDownload(_ array: DeviceArray<Int32>, count: Int) throws(KernelError) -> PendingDownload {
    guard table.hasSeparateMemory else { return .done(try download(array, count: count)) }
    guard count <= array.count, let channel = freeChannels.popFirst() else {
      throw KernelError(status: 1, operation: "download_begin")
    }
    let status = unsafe functions.download_begin(stream, channel, array.pointer, count * MemoryLayout<Int32>.stride)
    guard status == 0 else {
      freeChannels.insert(channel)
      throw KernelError(status: status, operation: "download_begin")
    }
    return .channel(channel, count: count)
  }

  /// Waits for what was enqueued before the copy was started.
  package func finish(_ download: PendingDownload) throws(KernelError) -> [Int32] {
    switch download {
    case .done(let values): return values
    case .channel(let channel, let count):
      freeChannels.insert(channel)
      var values = [Int32](repeating: 0, count: count)
      let status = unsafe values.withUnsafeMutableBytes { bytes in
        unsafe functions.download_end(stream, channel, bytes.baseAddress, bytes.count)
      }
      // What a step enqueued fails here, whichever op it was.
      try check(status, "step")
      return values
    }
  }

  /// Records the ops that `body` enqueues, without running them. Only on devices with separate memory.
  package func record(_ body: () throws(KernelError) -> Void) throws(KernelError) -> DeviceGraph {
    try check(unsafe functions.graph_begin(stream), "graph_begin")
    do throws(KernelError) { try body() } catch {
      _ = unsafe functions.graph_end(stream, nil)
      throw error
    }
    var graph: OpaquePointer?
    try check(unsafe functions.graph_end(stream, &graph), "graph_end")
    guard let graph = unsafe graph else { throw KernelError(status: 3, operation: "graph_end") }
    return unsafe DeviceGraph(device: self, graph: graph)
  }

  package func launch(_ graph: DeviceGraph) throws(KernelError) {
    try check(unsafe functions.graph_launch(stream, graph.graph), "graph_launch")
  }
}
