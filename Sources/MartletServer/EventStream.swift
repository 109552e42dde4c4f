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

  private let framing: Framing
  private var writer: any ResponseBodyWriter

  @concurrent
  mutating func send(_ value: JSONValue) async throws {
    var bytes: [UInt8] = []
    if framing == .namedEvents, let name = value["type"]?.stringValue { bytes += "event: \(name)\n".utf8 }
    if framing != .lines { bytes += "data: ".utf8 }
    value.write(to: &bytes)
    bytes += framing == .lines ? [0x0A] : [0x0A, 0x0A]
    try await writer.write(ByteBuffer(bytes: bytes))
  }

  /// A response that runs `body`, whose generations end when the client leaves. An error inside becomes an error event;
  /// the framing's last event ends the stream either way.
  static func response(
    watch: ClientConnections.Watch, framing: Framing = .events,
    _ body: @escaping @Sendable @concurrent (inout EventStream) async throws -> Void
  ) -> Response {
    let type = framing == .lines ? "application/x-ndjson" : "text/event-stream"
    let headers: HTTPFields = [.contentType: type, .cacheControl: "no-cache"]
    return Response(
      status: .ok, headers: headers,
      body: ResponseBody { writer in
        defer { watch.end() }
        var stream = EventStream(framing: framing, writer: writer)
        do {
          try await body(&stream)
        } catch is CancellationError {
          throw CancellationError()
        } catch {
          var failure = APIError(any: error)
          switch framing {
          case .events: try await stream.send(["error": failure.body])
          case .namedEvents, .lines:
            failure.dialect = framing == .lines ? .ollama : .anthropic
            try await stream.send(failure.body)
          }
        }
        if framing == .events { try await stream.writer.write(ByteBuffer(string: "data: [DONE]\n\n")) }
        try await stream.writer.finish(nil)
      })
  }
}
