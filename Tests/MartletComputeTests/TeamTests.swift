import CMartletKernels
import Synchronization
import Testing

/// The parallel regions of a CPU stream.
@Suite(.timeLimit(.minutes(1))) struct TeamTests {
  /// What the pieces of a region leave behind.
  private final class Record: Sendable {
    let runs: [Atomic32]
    let finished = Atomic<Int>(0)
    let workers = Mutex<Set<UInt32>>([])

    init(pieces: Int) { runs = (0..<pieces).map { _ in Atomic32() } }
  }

  private final class Atomic32: Sendable { let value = Atomic<Int>(0) }

  private static let count: mk_task = { context, piece, worker in
    guard let context = unsafe context else { return }
    let record = unsafe Unmanaged<Record>.fromOpaque(context).takeUnretainedValue()
    record.runs[Int(piece)].value.add(1, ordering: .relaxed)
    record.workers.withLock { _ = $0.insert(worker) }
    record.finished.add(1, ordering: .releasing)
  }

  /// A helper holds the piece that it claimed until all others are done.
  private static let stallHelpers: mk_task = { context, piece, worker in
    guard let context = unsafe context else { return }
    let record = unsafe Unmanaged<Record>.fromOpaque(context).takeUnretainedValue()
    while worker != 0, record.finished.load(ordering: .acquiring) < record.runs.count - 1 {}
    unsafe TeamTests.count(context, piece, worker)
  }

  private func run(_ stream: CPUStream, pieces: Int, stallingHelpers: Bool = false) -> Record {
    let record = Record(pieces: pieces)
    let task = unsafe stallingHelpers ? Self.stallHelpers : Self.count
    unsafe mk_parallel(stream.stream, UInt32(pieces), task, Unmanaged.passUnretained(record).toOpaque())
    return record
  }

  private func statistics(_ stream: CPUStream) -> mk_stream_statistics {
    var result = mk_stream_statistics()
    #expect(unsafe stream.table.stream_statistics(stream.stream, &result) == 0)
    return result
  }

  @Test(arguments: [UInt32(1), 2, 4], [0, 1, 2, 7, 1000]) func eachPieceRunsOnce(threads: UInt32, pieces: Int) throws {
    let stream = try #require(CPUStream(MK_CPU_REFERENCE, threads: threads))
    for _ in 0..<50 {
      let record = run(stream, pieces: pieces)
      #expect(record.runs.allSatisfy { $0.value.load(ordering: .relaxed) == 1 })
      #expect(record.workers.withLock { $0.allSatisfy { $0 < threads } })
    }
  }

  @Test func aStalledHelperHoldsUpItsOwnPieceOnly() throws {
    let stream = try #require(CPUStream(MK_CPU_REFERENCE, threads: 2))
    for _ in 0..<50 {
      let record = run(stream, pieces: 64, stallingHelpers: true)
      #expect(record.runs.allSatisfy { $0.value.load(ordering: .relaxed) == 1 })
    }
  }

  @Test func statisticsCountRegionsAndTime() throws {
    let stream = try #require(CPUStream(MK_CPU_REFERENCE, threads: 2))
    for _ in 0..<10 { _ = run(stream, pieces: 8) }
    _ = run(stream, pieces: 0)
    let result = statistics(stream)
    #expect(result.regions == 10)
    #expect(result.busy_nanoseconds > 0)
    #expect(result.threads == 2)
    #expect((1...2).contains(result.active_threads))
  }

  @Test func idleHelpersParkAndWakeForTheNextRegion() throws {
    let stream = try #require(CPUStream(MK_CPU_REFERENCE, threads: 2))
    _ = run(stream, pieces: 8)
    while statistics(stream).parks == 0 {}
    var helped = false
    // A region may end before the helper is awake; pieces that wait for it cannot.
    for _ in 0..<1000 where !helped {
      helped = run(stream, pieces: 4096).workers.withLock { $0.contains(1) }
    }
    #expect(helped)
  }
}
