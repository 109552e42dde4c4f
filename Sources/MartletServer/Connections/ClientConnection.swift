import Synchronization

/// One client's connection: whether it is still there, and what to do when it goes.
final class ClientConnection: Sendable {
  private struct State {
    var isClosed = false
    var watches: [Int: @Sendable () -> Void] = [:]
    var nextWatch = 0
  }

  private let state = Mutex(State())

  /// Runs `body` once when the client leaves, at once if it has left; nil in the latter case.
  func watch(_ body: @escaping @Sendable () -> Void) -> Int? {
    let key: Int? = state.withLock { state in
      guard !state.isClosed else { return nil }
      state.nextWatch += 1
      state.watches[state.nextWatch] = body
      return state.nextWatch
    }
    if key == nil { body() }
    return key
  }

  func endWatch(_ key: Int) { state.withLock { $0.watches[key] = nil } }

  func close() {
    let watches = state.withLock { state in
      state.isClosed = true
      defer { state.watches = [:] }
      return state.watches.values
    }
    for body in watches { body() }
  }
}
