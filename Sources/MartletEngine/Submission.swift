import MartletCore

/// A request on its way to the engine thread.
struct Submission: Sendable {
  let id: RequestID
  let request: GenerationRequest
  let events: AsyncStream<GenerationEvent>.Continuation
  let arrival: ContinuousClock.Instant
}
