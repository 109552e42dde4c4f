import Synchronization

/// Work that outlives the request that began it. The owner ends all of it at shutdown.
final class BackgroundTasks: Sendable {
  private struct State {
    var isClosed = false
    var next = 0
    var running: [Int: Task<Void, Never>] = [:]
  }

  private let state = Mutex(State())

  /// Starts `body`, unless the server is shutting down.
  func run(_ body: @escaping @Sendable () async -> Void) {
    state.withLock { state in
      guard !state.isClosed else { return }
      state.next += 1
      let key = state.next
      state.running[key] = Task {
        await body()
        self.remove(key)
      }
    }
  }

  private func remove(_ key: Int) { _ = state.withLock { $0.running.removeValue(forKey: key) } }

  /// Cancels what runs and waits for it.
  func close() async {
    let running = state.withLock { state in
      state.isClosed = true
      return Array(state.running.values)
    }
    for task in running { task.cancel() }
    for task in running { await task.value }
  }
}
