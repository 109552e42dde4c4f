import MartletCore

/// Owns every piece of mutable engine state. Lives on one thread; noncopyable so that it cannot be shared by accident.
struct EngineLoop<Executor: StepExecutor>: ~Copyable {
  private struct Stream {
    let events: AsyncStream<GenerationEvent>.Continuation
    let arrival: ContinuousClock.Instant
    var firstStep: ContinuousClock.Instant?
    var firstToken: ContinuousClock.Instant?
  }

  private struct StepInFlight: ~Copyable {
    let plan: StepPlan
    let ticket: StepTicket
    let started: ContinuousClock.Instant
  }

  private enum Phase {
    case serving
    case draining(until: ContinuousClock.Instant)
    case stopping
  }

  /// Larger pools are not checked when idle: a request that comes meanwhile would wait for it.
  private static var checkedPages: Int { 16_384 }

  private let options: EngineOptions
  private let status: EngineStatus
  private var executor: Executor
  private var scheduler: Scheduler
  private var streams: [RequestID: Stream] = [:]
  private var inFlight: StepInFlight?
  private var phase = Phase.serving

  init(options: EngineOptions, status: EngineStatus, executor: Executor) {
    self.options = options
    self.status = status
    self.executor = executor
    scheduler = Scheduler(options: options)
    status.publish(scheduler.load)
  }

  /// Serves until it is told to stop or the device fails; every request then has its end.
  mutating func run(_ mailbox: Mailbox) {
    var reason = AbortReason.shuttingDown
    do throws(ExecutorError) {
      while true {
        let isIdle = scheduler.isIdle && inFlight == nil
        if isIdle, case .draining = phase { break }
        if isIdle, options.pageCount <= Self.checkedPages { checkInvariants() }
        if isIdle, mailbox.isEmpty, try executor.prepareWhileIdle() { continue }
        handle(isIdle ? mailbox.waitForCommands() : mailbox.drain())
        if isOver { break }
        try step()
      }
    } catch {
      self.status.fail(error)
      switch error {
      case .kernel(let status, _): reason = .deviceFailed(status: status)
      }
    }
    status.refuse()
    handle(mailbox.close())
    for id in Array(streams.keys) { abort(id, reason) }
    status.publish(scheduler.load)
  }

  private var isOver: Bool {
    switch phase {
    case .serving: false
    case .draining(let deadline): ContinuousClock.now >= deadline
    case .stopping: true
    }
  }

  private mutating func handle(_ commands: [Command]) {
    guard !commands.isEmpty else { return }
    for command in commands {
      switch command {
      case .submit(let submission):
        streams[submission.id] = Stream(events: submission.events, arrival: submission.arrival)
        scheduler.admit(submission.id, submission.request)
      case .cancel(let id): abort(id, .cancelled)
      case .flush(let reply):
        let flushed = scheduler.flushCache()
        status.publish(scheduler.load)
        reply.resume(returning: flushed)
      case .shutdown(let deadline): stop(deadline)
      }
    }
    status.publish(scheduler.load)
  }

  private mutating func stop(_ deadline: ContinuousClock.Instant?) {
    switch (phase, deadline) {
    case (.stopping, _): break
    case (_, nil): phase = .stopping
    case (.serving, .some(let new)): phase = .draining(until: new)
    case (.draining(let old), .some(let new)): phase = .draining(until: min(old, new))
    }
  }

  private mutating func abort(_ id: RequestID, _ reason: AbortReason) {
    guard let usage = scheduler.cancel(id) else { return }
    status.publish(scheduler.load)
    report([(id, .finished(.aborted(reason), usage))])
  }

  private mutating func step() throws(ExecutorError) {
    let plan = scheduler.plan()
    var next: StepInFlight?
    if !plan.rows.isEmpty {
      let now = ContinuousClock.now
      for id in scheduler.takeStarted() { streams[id]?.firstStep = now }
      next = StepInFlight(plan: plan, ticket: try executor.launch(plan), started: now)
    }
    if let previous = inFlight.take() { try collect(previous) }
    if options.overlap {
      inFlight = next.take()
    } else if let current = next.take() {
      try collect(current)
    }
  }

  private mutating func collect(_ step: consuming StepInFlight) throws(ExecutorError) {
    let plan = step.plan, started = step.started
    let result = try executor.collect(step.ticket)
    scheduler.note(plan, seconds: (ContinuousClock.now - started) / .seconds(1))
    let reports = scheduler.commit(result, for: plan)
    #if DEBUG
      checkInvariants()
    #endif
    status.publish(scheduler.load)
    report(reports)
  }

  private mutating func report(_ reports: [(RequestID, GenerationEvent)]) {
    let now = ContinuousClock.now
    for (id, event) in reports {
      switch event {
      case .prefilled, .embedded: streams[id]?.events.yield(event)
      case .token:
        if streams[id]?.firstToken == nil { streams[id]?.firstToken = now }
        streams[id]?.events.yield(event)
      case .finished(let reason, var usage):
        guard let stream = streams.removeValue(forKey: id) else { continue }
        usage.queueNanoseconds = Self.nanoseconds(from: stream.arrival, to: stream.firstStep ?? now)
        usage.firstTokenNanoseconds = stream.firstToken.map { Self.nanoseconds(from: stream.arrival, to: $0) } ?? 0
        usage.totalNanoseconds = Self.nanoseconds(from: stream.arrival, to: now)
        status.leave(1)
        stream.events.yield(.finished(reason, usage))
        stream.events.finish()
      }
    }
  }

  private func checkInvariants() {
    let problems = scheduler.checkInvariants()
    precondition(problems.isEmpty, problems.joined(separator: "; "))
  }

  private static func nanoseconds(from start: ContinuousClock.Instant, to end: ContinuousClock.Instant) -> UInt64 {
    let parts = (end - start).components
    return UInt64(max(0, parts.seconds)) &* 1_000_000_000 &+ UInt64(max(0, parts.attoseconds / 1_000_000_000))
  }
}
