import HTTPTypes
import MartletCore
import NIOCore
import NIOEmbedded
import NIOHTTPTypes
import Testing

@testable import MartletServer

@Suite struct ConnectionHandlerTests {
  private static func channel() throws -> EmbeddedChannel {
    let handler = ConnectionHandler(connections: ClientConnections(), keepAlive: .seconds(15))
    return EmbeddedChannel(handler: handler, loop: EmbeddedEventLoop())
  }

  private static func comments(_ channel: EmbeddedChannel) throws -> Int {
    var count = 0
    while let part = try channel.readOutbound(as: HTTPResponsePart.self) {
      if case .body(let buffer) = part, String(buffer: buffer) == ": keep-alive\n\n" { count += 1 }
    }
    return count
  }

  @Test func silentEventStreamsGetComments() throws {
    let channel = try Self.channel()
    let head = HTTPResponse(status: .ok, headerFields: [.contentType: "text/event-stream"])
    try channel.writeOutbound(HTTPResponsePart.head(head))
    channel.embeddedEventLoop.advanceTime(by: .seconds(50))
    #expect(try Self.comments(channel) >= 2)
    try channel.writeOutbound(HTTPResponsePart.end(nil))
    channel.embeddedEventLoop.advanceTime(by: .seconds(50))
    #expect(try Self.comments(channel) == 0)
    _ = try channel.finish()
  }

  @Test func otherAnswersGetNone() throws {
    let channel = try Self.channel()
    let head = HTTPResponse(status: .ok, headerFields: [.contentType: "application/json"])
    try channel.writeOutbound(HTTPResponsePart.head(head))
    channel.embeddedEventLoop.advanceTime(by: .seconds(50))
    #expect(try Self.comments(channel) == 0)
    _ = try channel.finish()
  }

  @Test func aClosedChannelEndsItsWatches() throws {
    let connections = ClientConnections()
    let connection = ClientConnection(), channel = ObjectIdentifier(connection)
    connections.add(connection, for: channel)
    let calls = Recorder(0)
    let ended = connections.watch(channel) { calls.change { $0 += 100 } }
    ended.end()
    _ = connections.watch(channel) { calls.change { $0 += 1 } }
    connection.close()
    #expect(calls.value == 1)
    connections.remove(channel)
    _ = connections.watch(channel) { calls.change { $0 += 1 } }
    #expect(calls.value == 2, "a client that has gone is told at once")
  }

  @Test func aConnectionTellsOnceThatItsClientLeft() {
    let connection = ClientConnection()
    let calls = Recorder<[String]>([])
    let kept = connection.watch { calls.change { $0.append("kept") } }
    let ended = connection.watch { calls.change { $0.append("ended") } }
    #expect(kept != nil)
    if let ended { connection.endWatch(ended) }
    connection.close()
    connection.close()
    #expect(connection.watch { calls.change { $0.append("late") } } == nil)
    #expect(calls.value == ["kept", "late"])
  }
}
