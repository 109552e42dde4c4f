/// Main path 8/8: text deltas become server-sent events; a client that leaves cancels its generations.
import Hummingbird
import MartletText

/// Writes events to one client.
struct EventStream {
  /// How a dialect frames its events.
  enum Framing: Sendable {
    /// OpenAI: server-sent events without names, `[DONE]` at the end.
    case events
    /// Anthropic: server-sent events with names, that of their `type`.
    case namedEvents
    /// Ollama: a line of JSON for each.
    case lines
  }

  /// Who takes the events: a client, or a log that clients read.
  private enum Sink {
    case client(any ResponseBodyWriter)
    case log(EventLog)
  }

  private let framing: Framing
  private var sink: Sink

  @concurrent
  mutating func send(_ value: JSONValue) async throws {
    var bytes: [UInt8] = []
    if framing == .namedEvents, let name = value["type"]?.stringValue { bytes += "event: \(name)\n".utf8 }
    if framing != .lines { bytes += "data: ".utf8 }
    value.write(to: &bytes)
    bytes += framing == .lines ? [0x0A] : [0x0A, 0x0A]
    try await write(bytes)
  }

  @concurrent
  private mutating func write(_ bytes: [UInt8]) async throws {
    switch sink {
    case .log(let log): log.append(bytes)
    case .client(var writer):
      try await writer.write(ByteBuffer(bytes: bytes))
      sink = .client(writer)
    }
  }

  /// Runs `body`. An error inside becomes an error event; the framing's last event ends the stream either way.
  @concurrent
  private mutating func run(
    _ body: @escaping @Sendable @concurrent (inout EventStream) async throws -> Void
  ) async throws {
    do {
      try await body(&self)
    } catch is CancellationError {
      throw CancellationError()
    } catch {
      var failure = APIError(any: error)
      switch framing {
      case .events: try await send(["error": failure.body])
      case .namedEvents, .lines:
        failure.dialect = framing == .lines ? .ollama : .anthropic
        try await send(failure.body)
      }
    }
    if framing == .events { try await write(Array("data: [DONE]\n\n".utf8)) }
  }

  /// Writes the events of `body` to a log that clients read, to its end.
  @concurrent
  static func record(
    to log: EventLog, framing: Framing,
    _ body: @escaping @Sendable @concurrent (inout EventStream) async throws -> Void
  ) async {
    defer { log.close() }
    var stream = EventStream(framing: framing, sink: .log(log))
    // What was cancelled has nobody left to tell.
    try? await stream.run(body)
  }

  /// A response that runs `body`, whose generations end when the client leaves. A resumable one goes on without it.
  static func response(
    watch: ClientConnections.Watch, framing: Framing = .events,
    _ body: @escaping @Sendable @concurrent (inout EventStream) async throws -> Void
  ) -> Response {
    if let resumable = watch.resumable {
      resumable.log.run { log in await record(to: log, framing: framing, body) }
      return resumable.log.response(after: -1, channel: resumable.channel, connections: resumable.connections)
    }
    let type = framing == .lines ? "application/x-ndjson" : "text/event-stream"
    let headers: HTTPFields = [.contentType: type, .cacheControl: "no-cache"]
    return Response(
      status: .ok, headers: headers,
      body: ResponseBody { writer in
        defer { watch.end() }
        var stream = EventStream(framing: framing, sink: .client(writer))
        try await stream.run(body)
        if case .client(let writer) = stream.sink { try await writer.finish(nil) }
      })
  }
}
