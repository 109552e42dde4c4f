import Hummingbird
import MartletText
import NIOCore
import NIOHTTPTypes

/// Ends connections whose client takes too long to send a request: with an answer where none has begun, else by closing.
/// Runs on the connection's event loop.
///
/// A connection's first head must be there within the timeout, and so must each body, which gets more time for what has
/// come of it. Waiting for further heads is bounded by the server's idle timeout.
final class RequestDeadline: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPRequestPart
  typealias InboundOut = HTTPRequestPart
  typealias OutboundIn = HTTPResponsePart
  typealias OutboundOut = HTTPResponsePart

  private enum Phase {
    case head
    case body(path: String)
    /// Nothing is awaited from the client.
    case received
  }

  /// Each so many bytes of a body give its client another second.
  static let bytesPerSecond = 16 << 10

  private let timeout: TimeAmount
  private var phase = Phase.head
  private var began = NIODeadline.uptimeNanoseconds(0)
  private var receivedBytes = 0
  /// Requests whose answers have not ended.
  private var open = 0
  private var hasBegunAnswer = false
  private var timer: Scheduled<Void>?

  init(timeout: TimeAmount) { self.timeout = timeout }

  func handlerAdded(context: ChannelHandlerContext) { start(.head, context) }

  func handlerRemoved(context: ChannelHandlerContext) { stop() }

  func channelInactive(context: ChannelHandlerContext) {
    stop()
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      open += 1
      start(.body(path: head.path ?? ""), context)
    case .body(let bytes): receivedBytes += bytes.readableBytes
    case .end: stop()
    }
    context.fireChannelRead(data)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    switch unwrapOutboundIn(data) {
    case .head: hasBegunAnswer = true
    case .body: break
    case .end:
      hasBegunAnswer = false
      open -= 1
    }
    context.write(data, promise: promise)
  }

  private func start(_ phase: Phase, _ context: ChannelHandlerContext) {
    stop()
    self.phase = phase
    began = context.eventLoop.now
    receivedBytes = 0
    schedule(in: timeout, context)
  }

  private func stop() {
    timer?.cancel()
    timer = nil
    phase = .received
  }

  private func schedule(in time: TimeAmount, _ context: ChannelHandlerContext) {
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    timer = context.eventLoop.scheduleTask(in: time) {
      let (deadline, context) = bound.value
      deadline.check(context)
    }
  }

  private func check(_ context: ChannelHandlerContext) {
    let allowed = timeout + .seconds(Int64(receivedBytes / Self.bytesPerSecond))
    let left = allowed - (context.eventLoop.now - began)
    guard left <= .zero else { return schedule(in: left, context) }
    switch phase {
    case .head: answer("the request's head did not come within", path: "", context)
    case .body(let path) where open == 1 && !hasBegunAnswer:
      answer("the request's body did not come within", path: path, context)
    case .body: context.close(promise: nil)
    case .received: break
    }
  }

  private func answer(_ message: String, path: String, _ context: ChannelHandlerContext) {
    stop()
    var error = APIError(.requestTimeout, "\(message) \(timeout.nanoseconds / 1_000_000_000) s (--request-timeout)")
    error.dialect = APIError.Dialect(path: path.split(separator: "?").first.map(String.init) ?? "")
    let body = ByteBuffer(string: error.body.serializedText())
    let fields: HTTPFields = [
      .contentType: "application/json", .contentLength: "\(body.readableBytes)", .connection: "close",
    ]
    context.write(wrapOutboundOut(.head(HTTPResponse(status: .requestTimeout, headerFields: fields))), promise: nil)
    context.write(wrapOutboundOut(.body(body)), promise: nil)
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    context.close(promise: nil)
  }
}
