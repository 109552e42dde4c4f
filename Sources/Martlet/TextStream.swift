import MartletCore

/// Pieces of an answer, in order. Throws `MartletError` when the engine could not finish it.
public struct TextStream: AsyncSequence, Sendable {
  public typealias Element = String

  public struct AsyncIterator: AsyncIteratorProtocol {
    private var run: GenerationRun
    private var events: AsyncStream<GenerationEvent>.Iterator

    init(run: GenerationRun) {
      self.run = run
      events = run.stream.events.makeAsyncIterator()
    }

    public mutating func next() async throws -> String? {
      while !run.isDone, let event = await events.next(isolation: #isolation) {
        let piece = run.take(event)
        if !piece.isEmpty { return piece }
      }
      try Task.checkCancellation()
      _ = try run.result()
      return nil
    }
  }

  let run: GenerationRun

  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(run: run) }
}
