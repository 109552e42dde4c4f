import MartletCore

/// What other threads ask of the engine thread.
enum Command: Sendable {
  case submit(Submission)
  case cancel(RequestID)
  case flush(CheckedContinuation<Bool, Never>)
  /// Ends the engine: at once, or when the running requests are done, at the latest at the given time.
  case shutdown(drainUntil: ContinuousClock.Instant?)
}
