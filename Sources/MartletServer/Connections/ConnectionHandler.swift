import Hummingbird
import NIOCore
import NIOHTTPTypes

/// Stands in each connection's pipeline: tells when the client leaves, and keeps silent event streams alive with
/// comments, so that proxies do not cut them. Runs on the connection's event loop.
final class ConnectionHandler: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPRequestPart
  typealias InboundOut = HTTPRequestPart
  typealias OutboundIn = HTTPResponsePart
  typealias OutboundOut = HTTPResponsePart

  private let connections: ClientConnections
  private let keepAlive: TimeAmount
  private let connection = ClientConnection()
  private var lastWrite = NIODeadline.uptimeNanoseconds(0)
  private var timer: RepeatedTask?

  init(connections: ClientConnections, keepAlive: TimeAmount) {
    self.connections = connections
    self.keepAlive = keepAlive
  }

  func handlerAdded(context: ChannelHandlerContext) {
    connections.add(connection, for: ObjectIdentifier(context.channel))
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    connections.remove(ObjectIdentifier(context.channel))
    end()
  }

  func channelInactive(context: ChannelHandlerContext) {
    end()
    context.fireChannelInactive()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    // A client that has stopped sending is not coming back: HTTP clients do not half-close while they wait.
    if case .inputClosed? = event as? ChannelEvent { connection.close() }
    context.fireUserInboundEventTriggered(event)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    switch unwrapOutboundIn(data) {
    case .head(let head):
      if head.headerFields[.contentType] == "text/event-stream" { startTimer(context) }
    case .body: lastWrite = context.eventLoop.now
    case .end: stopTimer()
    }
    context.write(data, promise: promise)
  }

  private func end() {
    stopTimer()
    connection.close()
  }

  private func stopTimer() {
    timer?.cancel()
    timer = nil
  }

  private func startTimer(_ context: ChannelHandlerContext) {
    lastWrite = context.eventLoop.now
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    timer = context.eventLoop.scheduleRepeatedTask(initialDelay: keepAlive, delay: keepAlive) { _ in
      let (handler, context) = bound.value
      handler.sendComment(context)
    }
  }

  /// Every body part of an event stream ends an event, so a comment may stand between any two of them.
  private func sendComment(_ context: ChannelHandlerContext) {
    guard context.eventLoop.now - lastWrite >= keepAlive else { return }
    context.writeAndFlush(wrapOutboundOut(.body(ByteBuffer(string: ": keep-alive\n\n"))), promise: nil)
  }
}
