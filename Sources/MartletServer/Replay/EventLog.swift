import Hummingbird
import MartletText
import Synchronization

/// The events of one stream, kept so that clients can read them again, from any number on. Events that lie too far back
/// are dropped.
final class EventLog: Sendable {
  private struct State {
    var frames: [[UInt8]] = []
    /// Number of `frames[0]`.
    var first = 0
    var bytes = 0
    var closed: ContinuousClock.Instant?
    var nextReader = 0
    var readers: [Int: AsyncStream<Void>.Continuation] = [:]
    var whenAbandoned: (@Sendable () -> Void)?
    /// Counts the times that the last reader left.
    var absences = 0
  }

  /// A client that reads; it is told when there is more.
  private struct Reader: Sendable {
    let key: Int
    let signal: AsyncStream<Void>
  }

  private enum Page {
    case frames([[UInt8]])
    case ended
    case lost
  }

  let id: String
  let tenant: Tenant
  /// How long a generation goes on without a reader; nil: to its end.
  private let grace: Duration?
  private let maxBytes: Int
  private let tasks: BackgroundTasks
  private let state = Mutex(State())

  init(id: String, tenant: Tenant, grace: Duration?, maxBytes: Int, tasks: BackgroundTasks) {
    self.id = id
    self.tenant = tenant
    self.grace = grace
    self.maxBytes = maxBytes
    self.tasks = tasks
  }

  var bytes: Int { state.withLock { $0.bytes } }
  /// When the last event was written; nil while more may come.
  var closed: ContinuousClock.Instant? { state.withLock { $0.closed } }

  /// `body` runs once nobody has read for the time of grace.
  func onAbandoned(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.whenAbandoned = body } }

  /// Runs the work that writes this log; it outlives the request.
  func run(_ body: @escaping @Sendable (EventLog) async -> Void) { tasks.run { await body(self) } }

  func append(_ frame: [UInt8]) {
    let readers = state.withLock { state in
      state.frames.append(frame)
      state.bytes += frame.count
      while state.bytes > maxBytes, state.frames.count > 1 {
        state.bytes -= state.frames.removeFirst().count
        state.first += 1
      }
      return Array(state.readers.values)
    }
    for reader in readers { reader.yield() }
  }

  func close() {
    let readers = state.withLock { state in
      state.closed = state.closed ?? .now
      state.whenAbandoned = nil
      return Array(state.readers.values)
    }
    for reader in readers { reader.yield() }
  }

  /// Waits until no more events come.
  func waitForEnd() async {
    let reader = subscribe()
    defer { leave(reader.key) }
    var iterator = reader.signal.makeAsyncIterator()
    while closed == nil, await iterator.next() != nil {}
  }

  /// The events behind number `number` as a response, those to come included.
  func response(after number: Int, channel: ObjectIdentifier, connections: ClientConnections) -> Response {
    let reader = subscribe()
    let watch = connections.watch(channel) { self.leave(reader.key) }
    var headers: HTTPFields = [.contentType: "text/event-stream", .cacheControl: "no-cache"]
    if let name = HTTPFields.Element.Name("Martlet-Stream") { headers[name] = id }
    return Response(
      status: .ok, headers: headers,
      body: ResponseBody { writer in
        defer {
          watch.end()
          self.leave(reader.key)
        }
        var writer = writer
        try await self.copy(after: number, reader: reader, to: &writer)
        try await writer.finish(nil)
      })
  }

  @concurrent
  private func copy(after number: Int, reader: Reader, to writer: inout any ResponseBodyWriter) async throws {
    var next = number + 1
    var iterator = reader.signal.makeAsyncIterator()
    while true {
      switch page(from: next) {
      case .ended: return
      case .lost:
        let lost = APIError(.gone, "the events behind \(next - 1) are no longer kept")
        try await writer.write(
          ByteBuffer(string: "data: \(JSONValue.object(["error": lost.body]).serializedText())\n\n"))
        return
      case .frames(let frames) where frames.isEmpty:
        guard await iterator.next() != nil else { throw CancellationError() }
      case .frames(let frames):
        for frame in frames {
          var buffer = ByteBuffer(string: "id: \(id):\(next)\n")
          buffer.writeBytes(frame)
          try await writer.write(buffer)
          next += 1
        }
      }
    }
  }

  private func page(from number: Int) -> Page {
    state.withLock { state in
      guard number >= state.first else { return .lost }
      let skipped = number - state.first
      if skipped < state.frames.count { return .frames(Array(state.frames[skipped...])) }
      return state.closed == nil ? .frames([]) : .ended
    }
  }

  private func subscribe() -> Reader {
    let (signal, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    return state.withLock { state in
      state.nextReader += 1
      state.readers[state.nextReader] = continuation
      return Reader(key: state.nextReader, signal: signal)
    }
  }

  private func leave(_ key: Int) {
    let (reader, absence) = state.withLock { state -> (AsyncStream<Void>.Continuation?, Int?) in
      guard let reader = state.readers.removeValue(forKey: key) else { return (nil, nil) }
      guard state.readers.isEmpty, state.closed == nil, state.whenAbandoned != nil else { return (reader, nil) }
      state.absences += 1
      return (reader, state.absences)
    }
    reader?.finish()
    guard let absence, let grace else { return }
    tasks.run {
      try? await Task.sleep(for: grace)
      self.abandon(absence)
    }
  }

  private func abandon(_ absence: Int) {
    let body = state.withLock { state -> (@Sendable () -> Void)? in
      guard state.readers.isEmpty, state.absences == absence else { return nil }
      return state.whenAbandoned
    }
    body?()
  }
}
