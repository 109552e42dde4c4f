import Hummingbird
import Logging
import MartletCore
import MartletText
import Synchronization

/// Runs batches in what the engine has to spare: their requests wait behind all others, and only one at a time runs
/// beside a client's.
final class BatchRunner: Sendable {
  /// Below what clients can ask for.
  static let priority = -1_000_001
  /// The paths that a batch can be for.
  static let endpoints = ["/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/embeddings"]

  private let store: BatchStore
  private let load: @Sendable () -> EngineLoad
  private let clients: ClientLoad
  private let maxRunning: Int
  private let answer: @Sendable (BatchStore.Work, RequestFields) async throws -> JSONValue
  private let logger: Logger
  /// A line under way.
  private struct Line {
    let batch: String
    var answer: Task<JSONValue, any Error>?
  }

  /// What runs, by batch and line.
  private let running = Mutex<[String: Line]>([:])
  private let signal: AsyncStream<Void>
  private let news: AsyncStream<Void>.Continuation

  /// - Parameter answer: answers a line's body as the line's endpoint does.
  init(
    store: BatchStore, generator: any Generator, clients: ClientLoad, logger: Logger,
    answer: @escaping @Sendable (BatchStore.Work, RequestFields) async throws -> JSONValue
  ) {
    self.store = store
    load = { generator.load() }
    self.clients = clients
    maxRunning = max(1, generator.limits.maxRunningRequests)
    self.answer = answer
    self.logger = logger
    (signal, news) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
  }

  /// Tells that there is a new batch.
  func wake() { news.yield() }

  /// Ends the lines of a batch that are under way; they stay without an answer.
  func cancel(_ batch: String) {
    let lines = running.withLock { $0.values.filter { $0.batch == batch } }
    for line in lines { line.answer?.cancel() }
  }

  /// Runs until the task is cancelled. Batches of an earlier process go on where they were.
  func run() async {
    await withDiscardingTaskGroup { group in
      var iterator = signal.makeAsyncIterator()
      while !Task.isCancelled {
        do {
          guard try store.hasOpen else {
            guard await iterator.next() != nil else { break }
            continue
          }
          let spare = spare()
          for work in spare > 0 ? try store.work(limit: spare, except: Set(running.withLock { Array($0.keys) })) : [] {
            let key = "\(work.batch)/\(work.line)"
            running.withLock { $0[key] = Line(batch: work.batch) }
            group.addTask {
              await self.perform(work, key)
              self.running.withLock { $0[key] = nil }
            }
          }
          try store.endFinished(running: Set(running.withLock { $0.values.map(\.batch) }))
        } catch {
          logger.error("batches wait for the database: \(error)")
          try? await Task.sleep(for: .seconds(1))
        }
        try? await Task.sleep(for: .milliseconds(20))
      }
      group.cancelAll()
    }
  }

  /// How many more lines may begin.
  private func spare() -> Int {
    guard load().queuedRequests == 0 else { return 0 }
    return max(0, (clients.requests > 0 ? 1 : maxRunning) - running.withLock { $0.count })
  }

  /// Answers a line and writes its answer. One that the server could not run is left for later.
  private func perform(_ work: BatchStore.Work, _ key: String) async {
    var status = HTTPResponse.Status.ok
    let body: JSONValue
    do {
      let fields = try RequestFields(try JSONValue(parsing: work.body))
      let task = Task { [answer] in try await answer(work, fields) }
      running.withLock { $0[key]?.answer = task }
      body = try await withTaskCancellationHandler {
        try await task.value
      } onCancel: {
        task.cancel()
      }
    } catch is CancellationError {
      return
    } catch {
      let failure = APIError(any: error)
      guard failure.status != .serviceUnavailable else {
        try? await Task.sleep(for: .seconds(1))
        return
      }
      status = failure.status
      body = ["error": failure.body]
    }
    guard !Task.isCancelled else { return }
    let line: JSONValue = [
      "id": .string(Identifier.make("batch_req_")), "custom_id": .string(work.customID),
      "response": [
        "status_code": .int(Int64(status.code)), "request_id": .string(Identifier.make("req_")), "body": body,
      ], "error": .null,
    ]
    do {
      try store.answer(work, line, failed: status != .ok)
    } catch {
      logger.error("the answer to \(work.customID) of \(work.batch) was not written: \(error)")
    }
  }
}
