import MartletCore
import Synchronization

/// What the engine thread lets others see.
final class EngineStatus: Sendable {
  private enum Start {
    case starting([CheckedContinuation<EngineStartError?, Never>])
    case done(EngineStartError?)
  }
  private enum End {
    case alive([CheckedContinuation<Void, Never>])
    case ended
  }

  private let snapshot = Mutex(EngineLoad())
  private let start = Mutex(Start.starting([]))
  private let end = Mutex(End.alive([]))
  private let failed = Mutex<ExecutorError?>(nil)
  private let live = Atomic<Int>(0)
  private let refuses = Atomic<Bool>(false)

  var load: EngineLoad {
    var load = snapshot.withLock { $0 }
    load.queuedRequests = max(0, live.load(ordering: .relaxed) - load.runningRequests)
    return load
  }

  var isRefusing: Bool { refuses.load(ordering: .acquiring) }
  func refuse() { refuses.store(true, ordering: .releasing) }

  /// What the executor failed with.
  var failure: ExecutorError? { failed.withLock { $0 } }
  func fail(_ error: ExecutorError) { failed.withLock { $0 = error } }

  func publish(_ load: EngineLoad) { snapshot.withLock { $0 = load } }

  /// Counts a request in unless there are `limit` already.
  func enter(limit: Int) -> Bool {
    guard live.add(1, ordering: .relaxed).newValue <= limit else {
      leave(1)
      return false
    }
    return true
  }

  func leave(_ count: Int) { live.subtract(count, ordering: .relaxed) }

  func started(_ error: EngineStartError?) {
    let waiters = start.withLock { start in
      guard case .starting(let waiters) = start else { return [CheckedContinuation<EngineStartError?, Never>]() }
      start = .done(error)
      return waiters
    }
    for waiter in waiters { waiter.resume(returning: error) }
  }

  func waitForStart() async -> EngineStartError? {
    await withCheckedContinuation { waiter in
      let known: EngineStartError?? = start.withLock { start in
        switch start {
        case .done(let error): return .some(error)
        case .starting(let waiters):
          start = .starting(waiters + [waiter])
          return .none
        }
      }
      if case .some(let error) = known { waiter.resume(returning: error) }
    }
  }

  func ended() {
    snapshot.withLock { $0.isAlive = false }
    let waiters = end.withLock { end in
      guard case .alive(let waiters) = end else { return [CheckedContinuation<Void, Never>]() }
      end = .ended
      return waiters
    }
    for waiter in waiters { waiter.resume() }
  }

  func waitForEnd() async {
    await withCheckedContinuation { waiter in
      let isOver = end.withLock { end in
        switch end {
        case .ended: return true
        case .alive(let waiters):
          end = .alive(waiters + [waiter])
          return false
        }
      }
      if isOver { waiter.resume() }
    }
  }
}
