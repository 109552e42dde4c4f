import HTTPTypes
import MartletText
import NIOCore
import NIOEmbedded
import NIOHTTPTypes
import Testing

@testable import MartletServer

@Suite struct RequestDeadlineTests {
  private static func channel() throws -> EmbeddedChannel {
    let channel = EmbeddedChannel(handler: RequestDeadline(timeout: .seconds(10)), loop: EmbeddedEventLoop())
    try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    return channel
  }

  private static func head(_ path: String) -> HTTPRequestPart {
    .head(HTTPRequest(method: .post, scheme: "http", authority: "x", path: path))
  }

  private static func bytes(_ count: Int) -> HTTPRequestPart { .body(ByteBuffer(repeating: 0x20, count: count)) }

  /// What was answered: the status, and the JSON of the body.
  private static func answer(_ channel: EmbeddedChannel) throws -> (status: Int, json: JSONValue)? {
    guard case .head(let head)? = try channel.readOutbound(as: HTTPResponsePart.self) else { return nil }
    #expect(head.headerFields[.connection] == "close")
    guard case .body(let body)? = try channel.readOutbound(as: HTTPResponsePart.self),
      case .end? = try channel.readOutbound(as: HTTPResponsePart.self)
    else { return nil }
    return (Int(head.status.code), try JSONValue(parsing: Array(body.readableBytesView)))
  }

  @Test func aConnectionWithoutARequestEnds() throws {
    let channel = try Self.channel()
    channel.embeddedEventLoop.advanceTime(by: .seconds(9))
    #expect(channel.isActive)
    channel.embeddedEventLoop.advanceTime(by: .seconds(1))
    let answer = try #require(try Self.answer(channel))
    #expect(answer.status == 408 && answer.json["message"]?.stringValue?.contains("--request-timeout") == true)
    #expect(!channel.isActive)
  }

  @Test(arguments: [
    ("/v1/chat/completions", ["type"], "TimeoutError"), ("/v1/messages?beta=true", ["error", "type"], "timeout_error"),
    ("/api/chat", ["error"], "the request's body did not come within 10 s (--request-timeout)"),
  ]) func aBodyThatTricklesEndsInItsDialect(path: String, place: [String], text: String) throws {
    let channel = try Self.channel()
    channel.embeddedEventLoop.advanceTime(by: .seconds(5))
    try channel.writeInbound(Self.head(path))
    for _ in 0..<9 {
      channel.embeddedEventLoop.advanceTime(by: .seconds(1))
      try channel.writeInbound(Self.bytes(1))
    }
    #expect(channel.isActive)
    channel.embeddedEventLoop.advanceTime(by: .seconds(1))
    let answer = try #require(try Self.answer(channel))
    #expect(answer.status == 408)
    #expect(place.reduce(answer.json) { $0[$1] ?? .null }.stringValue == text)
    #expect(!channel.isActive)
  }

  @Test func aLargeBodyHasTimeForItsBytes() throws {
    let channel = try Self.channel()
    try channel.writeInbound(Self.head("/v1/files"))
    for _ in 0..<60 {
      channel.embeddedEventLoop.advanceTime(by: .seconds(1))
      try channel.writeInbound(Self.bytes(RequestDeadline.bytesPerSecond))
    }
    try channel.writeInbound(HTTPRequestPart.end(nil))
    channel.embeddedEventLoop.advanceTime(by: .hours(1))
    #expect(channel.isActive)
    #expect(try Self.answer(channel) == nil)
    _ = try channel.finish()
  }

  @Test func anAnswerThatHasBegunIsNotAnsweredAgain() throws {
    let channel = try Self.channel()
    try channel.writeInbound(Self.head("/v1/files"))
    try channel.writeOutbound(HTTPResponsePart.head(HTTPResponse(status: .unauthorized)))
    #expect(try channel.readOutbound(as: HTTPResponsePart.self) != nil)
    channel.embeddedEventLoop.advanceTime(by: .seconds(11))
    #expect(try channel.readOutbound(as: HTTPResponsePart.self) == nil)
    #expect(!channel.isActive)
  }

  @Test func eachBodyOfAConnectionHasItsTime() throws {
    let channel = try Self.channel()
    for _ in 0..<3 {
      channel.embeddedEventLoop.advanceTime(by: .seconds(9))
      try channel.writeInbound(Self.head("/v1/completions"))
      channel.embeddedEventLoop.advanceTime(by: .seconds(9))
      try channel.writeInbound(HTTPRequestPart.end(nil))
      channel.embeddedEventLoop.advanceTime(by: .seconds(90))
      try channel.writeOutbound(HTTPResponsePart.head(HTTPResponse(status: .ok)))
      try channel.writeOutbound(HTTPResponsePart.end(nil))
    }
    #expect(channel.isActive)
    try channel.writeInbound(Self.head("/v1/completions"))
    while try channel.readOutbound(as: HTTPResponsePart.self) != nil {}
    channel.embeddedEventLoop.advanceTime(by: .seconds(10))
    #expect(try Self.answer(channel)?.status == 408)
  }
}
