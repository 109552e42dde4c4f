/// Main path 8/8: text deltas become server-sent events; a client that leaves cancels its generations.
import Hummingbird
import MartletText

/// Writes `data:` frames to one client.
struct EventStream {
  private var writer: any ResponseBodyWriter

  private init(writer: any ResponseBodyWriter) { self.writer = writer }

  @concurrent
  mutating func send(_ value: JSONValue) async throws {
    var bytes = Array("data: ".utf8)
    value.write(to: &bytes)
    bytes += [0x0A, 0x0A]
    try await writer.write(ByteBuffer(bytes: bytes))
  }

  /// A response that runs `body`, whose generations end when the client leaves. An error inside becomes an error event;
  /// `[DONE]` ends the stream either way.
  static func response(
    watch: ClientConnections.Watch, _ body: @escaping @Sendable @concurrent (inout EventStream) async throws -> Void
  ) -> Response {
    let headers: HTTPFields = [.contentType: "text/event-stream", .cacheControl: "no-cache"]
    return Response(
      status: .ok, headers: headers,
      body: ResponseBody { writer in
        defer { watch.end() }
        var stream = EventStream(writer: writer)
        do {
          try await body(&stream)
        } catch is CancellationError {
          throw CancellationError()
        } catch {
          try await stream.send(["error": APIError(any: error).body])
        }
        try await stream.writer.write(ByteBuffer(string: "data: [DONE]\n\n"))
        try await stream.writer.finish(nil)
      })
  }
}
