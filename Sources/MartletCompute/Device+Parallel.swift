import CMartletKernels

extension Device {
  private final class Pieces {
    let body: (Int) -> Void
    init(body: @escaping (Int) -> Void) { self.body = body }
  }

  /// What `work` makes of each item, in the items' order: on the threads that a CPU's ops use, or on the caller's alone where
  /// the device has memory of its own. Work on the host between two ops, which would leave the other threads idle.
  package func map<Item: Sendable, Result: Sendable>(_ items: [Item], _ work: @Sendable (Item) -> Result) -> [Result] {
    guard items.count > 1, !table.hasSeparateMemory else { return items.map(work) }
    var results = [Result?](repeating: nil, count: items.count)
    unsafe results.withUnsafeMutableBufferPointer { results in
      withoutActuallyEscaping({ (index: Int) in unsafe results[index] = work(items[index]) }) { body in
        let pieces = Pieces(body: body)
        let task: mk_task = { context, piece, _ in
          guard let context = unsafe context else { return }
          unsafe Unmanaged<Pieces>.fromOpaque(context).takeUnretainedValue().body(Int(piece))
        }
        unsafe mk_parallel(stream, UInt32(items.count), task, Unmanaged.passUnretained(pieces).toOpaque())
        withExtendedLifetime(pieces) {}
      }
    }
    return results.compactMap { $0 }
  }
}
