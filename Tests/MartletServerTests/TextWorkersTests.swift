import Testing

@testable import MartletServer

@Suite struct TextWorkersTests {
  private struct Counts {
    var now = 0
    var most = 0
    var done = 0
  }

  @Test func neverMoreAtOnceThanWorkers() async throws {
    let workers = TextWorkers(count: 3)
    let counts = Recorder(Counts())
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<3000 {
        group.addTask {
          try await workers.run {
            counts.change {
              $0.now += 1
              $0.most = max($0.most, $0.now)
            }
            counts.change {
              $0.now -= 1
              $0.done += 1
            }
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(counts.value.now == 0)
    #expect(counts.value.done == 3000)
    #expect(counts.value.most <= 3)
  }

  @Test func anErrorFreesItsWorker() async {
    let workers = TextWorkers(count: 1)
    for _ in 0..<5 {
      await #expect(throws: CancellationError.self) { try await workers.run { throw CancellationError() } }
    }
  }
}
