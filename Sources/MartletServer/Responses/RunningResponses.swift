import Synchronization

/// Background responses that have not ended, so that their clients can end them.
final class RunningResponses: Sendable {
  private struct Run {
    let tenant: Tenant
    let log: EventLog
    let cancel: @Sendable () -> Void
  }

  private let runs = Mutex<[String: Run]>([:])

  func add(_ id: String, tenant: Tenant, log: EventLog, cancel: @escaping @Sendable () -> Void) {
    runs.withLock { $0[id] = Run(tenant: tenant, log: log, cancel: cancel) }
  }

  func remove(_ id: String) { _ = runs.withLock { $0.removeValue(forKey: id) } }

  /// Ends a response and waits until its last state is stored; false when it does not run.
  func cancel(_ id: String, tenant: Tenant) async -> Bool {
    guard let run = runs.withLock({ $0[id] }), run.tenant == tenant else { return false }
    run.cancel()
    await run.log.waitForEnd()
    return true
  }
}
