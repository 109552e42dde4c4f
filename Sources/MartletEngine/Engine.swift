/// Main path 3/8: a valid request is admitted, or refused with a reason, and handed to the engine thread.
import Foundation
package import MartletCore
import Synchronization

/// Thread-safe handle. Everything behind it runs on the engine thread; the last reference lets live requests finish
/// and then ends the thread.
package final class Engine: Generator {
  private static let stackBytes = 8 << 20

  package let limits: EngineLimits
  private let options: EngineOptions
  private let mailbox = Mailbox()
  private let status = EngineStatus()
  private let lastID = Atomic<UInt64>(0)

  /// Starts the engine thread, which makes the executor and owns it. Requests may be sent at once; they wait.
  package init<Executor: StepExecutor>(
    options: EngineOptions, makeExecutor: @escaping @Sendable () throws -> Executor
  ) {
    self.options = options
    limits = options.limits
    let mailbox = mailbox
    let status = status
    let thread = Thread {
      do {
        var loop = EngineLoop(options: options, status: status, executor: try makeExecutor())
        status.started(nil)
        loop.run(mailbox)
      } catch {
        status.refuse()
        status.started(EngineStartError(underlying: error))
        Self.refuse(mailbox.close(), status)
      }
      status.ended()
    }
    thread.name = "martlet.engine"
    thread.stackSize = Self.stackBytes
    thread.start()
  }

  deinit {
    _ = mailbox.post(.shutdown(drainUntil: .now.advanced(by: .seconds(86_400))))
  }

  /// Returns when the executor is made and the thread serves.
  package func ready() async throws(EngineStartError) {
    if let error = await status.waitForStart() { throw error }
  }

  /// - Throws: `queueFull` when `maxRunningRequests + maxQueuedRequests` are live.
  package func generate(_ request: GenerationRequest) throws(AdmissionError) -> GenerationStream {
    try validate(request)
    guard !status.isRefusing else { throw .shuttingDown }
    guard status.enter(limit: limits.maxLiveRequests) else {
      throw .queueFull(limit: options.maxQueuedRequests)
    }
    let id = RequestID(lastID.add(1, ordering: .relaxed).newValue)
    let (stream, continuation) = AsyncStream.makeStream(of: GenerationEvent.self)
    let mailbox = mailbox
    continuation.onTermination = { reason in
      if case .cancelled = reason { _ = mailbox.post(.cancel(id)) }
    }
    let submission = Submission(id: id, request: request, events: continuation, arrival: .now)
    guard mailbox.post(.submit(submission)) else {
      status.leave(1)
      throw .shuttingDown
    }
    return GenerationStream(id: id, events: stream)
  }

  private func validate(_ request: GenerationRequest) throws(AdmissionError) {
    guard !request.prompt.isEmpty else { throw .emptyPrompt }
    let (total, overflows) = request.prompt.count.addingReportingOverflow(request.stop.maxTokens)
    guard !overflows, total <= limits.contextLength else {
      throw .promptTooLong(tokens: overflows ? .max : total, limit: limits.contextLength)
    }
    for token in [request.prompt, request.logprobs.tokens].joined()
    where !(0..<limits.vocabularySize).contains(Int(token.rawValue)) {
      throw .unknownToken(token.rawValue, vocabularySize: limits.vocabularySize)
    }
  }

  package func cancel(_ id: RequestID) { _ = mailbox.post(.cancel(id)) }

  package func flushCache() async -> Bool {
    await withCheckedContinuation { reply in
      if !mailbox.post(.flush(reply)) { reply.resume(returning: false) }
    }
  }

  /// Returns when the engine thread has ended: what the executor failed with, or nil after a shutdown.
  package func waitForEnd() async -> ExecutorError? {
    await status.waitForEnd()
    return status.failure
  }

  package func load() -> EngineLoad { status.load }

  /// Refuses new requests from now on and returns when the engine thread has ended. Live requests are aborted, or with
  /// `drain` are given until `deadline` to finish.
  package func shutdown(drain: Bool, deadline: Duration = .seconds(30)) async {
    status.refuse()
    _ = mailbox.post(.shutdown(drainUntil: drain ? ContinuousClock.now.advanced(by: deadline) : nil))
    await status.waitForEnd()
  }

  private static func refuse(_ commands: [Command], _ status: EngineStatus) {
    for command in commands {
      switch command {
      case .submit(let submission):
        submission.events.yield(.finished(.aborted(.shuttingDown), GenerationUsage()))
        submission.events.finish()
        status.leave(1)
      case .flush(let reply): reply.resume(returning: false)
      case .cancel, .shutdown: break
      }
    }
  }
}
