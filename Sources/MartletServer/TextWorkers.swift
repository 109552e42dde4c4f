import Synchronization

/// Bounds the work on text (templates, tokenizing) that runs at once, so that the engine always finds a free core.
/// Waiting work goes in the order of arrival.
package final class TextWorkers: Sendable {
  private struct State {
    var free: Int
    var waiting: [CheckedContinuation<Void, Never>] = []
    /// Entries of `waiting` before this one have gone.
    var first = 0
  }

  private let state: Mutex<State>

  package init(count: Int) { state = Mutex(State(free: max(1, count))) }

  /// Runs `body` off the event loops, once a worker is free.
  @concurrent
  func run<Value: Sendable>(_ body: @Sendable () throws -> Value) async throws -> Value {
    await acquire()
    defer { release() }
    try Task.checkCancellation()
    return try body()
  }

  private func acquire() async {
    await withCheckedContinuation { continuation in
      let isFree = state.withLock { state in
        guard state.free > 0 else {
          state.waiting.append(continuation)
          return false
        }
        state.free -= 1
        return true
      }
      if isFree { continuation.resume() }
    }
  }

  private func release() {
    let next: CheckedContinuation<Void, Never>? = state.withLock { state in
      guard state.first < state.waiting.count else {
        state.waiting.removeAll(keepingCapacity: true)
        state.first = 0
        state.free += 1
        return nil
      }
      state.first += 1
      let next = state.waiting[state.first - 1]
      if state.first > 1024 {
        state.waiting.removeFirst(state.first)
        state.first = 0
      }
      return next
    }
    next?.resume()
  }
}
