import Hummingbird
import Synchronization

/// The streams that clients may come back to, bounded in number and bytes.
final class ResumableStreams: Sendable {
  struct Limits: Sendable {
    var maxStreams = 512
    var maxStreamBytes = 8 << 20
    var maxBytes = 128 << 20
    /// How long an ended stream can still be read.
    var kept = Duration.seconds(600)
    var maxGraceSeconds = 600
  }

  let limits: Limits
  private let tasks: BackgroundTasks
  private let now: @Sendable () -> ContinuousClock.Instant
  private let logs = Mutex<[String: EventLog]>([:])

  init(
    limits: Limits = Limits(), tasks: BackgroundTasks, now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
  ) {
    self.limits = limits
    self.tasks = tasks
    self.now = now
  }

  /// A log for a new stream; nil when too many streams are running.
  func open(id: String, tenant: Tenant, grace: Duration?) -> EventLog? {
    logs.withLock { logs in
      purge(&logs)
      guard logs.count < limits.maxStreams else { return nil }
      let log = EventLog(id: id, tenant: tenant, grace: grace, maxBytes: limits.maxStreamBytes, tasks: tasks)
      logs[id] = log
      return log
    }
  }

  /// Another tenant's stream is as unknown as none.
  func find(_ id: String, tenant: Tenant) -> EventLog? {
    logs.withLock { logs in
      purge(&logs)
      return logs[id].flatMap { $0.tenant == tenant ? $0 : nil }
    }
  }

  func remove(_ id: String) { _ = logs.withLock { $0.removeValue(forKey: id) } }

  /// Drops what has expired, then ended streams, the oldest first, until the rest is within the bounds.
  private func purge(_ logs: inout [String: EventLog]) {
    let oldest = now() - limits.kept
    var ended: [(id: String, closed: ContinuousClock.Instant, bytes: Int)] = []
    var bytes = 0
    for (id, log) in logs {
      bytes += log.bytes
      if let closed = log.closed { ended.append((id, closed, log.bytes)) }
    }
    ended.sort { $0.closed < $1.closed }
    for entry in ended {
      guard entry.closed < oldest || bytes > limits.maxBytes || logs.count >= limits.maxStreams else { break }
      logs[entry.id] = nil
      bytes -= entry.bytes
    }
  }
}
