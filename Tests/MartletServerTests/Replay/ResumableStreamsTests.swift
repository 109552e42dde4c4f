import Foundation
import Hummingbird
import MartletCore
import MartletText
import Testing

@testable import MartletServer

@Suite struct ResumableStreamsTests {
  private static let chat: JSONValue = ["messages": [["role": "user", "content": "hi"]], "stream": true]
  private static let messages: JSONValue = [
    "messages": [["role": "user", "content": "hi"]], "stream": true, "max_tokens": 50,
  ]
  private static let resume = header("Martlet-Resume", "30")

  private static func header(_ name: String, _ value: String) -> HTTPFields {
    var fields = HTTPFields()
    if let name = HTTPFields.Element.Name(name) { fields[name] = value }
    return fields
  }

  private static func last(_ id: String) -> HTTPFields { header("Last-Event-ID", id) }

  /// The ids of a stream's events.
  private static func ids(_ text: String) -> [String] {
    text.split(separator: "\n").filter { $0.hasPrefix("id: ") }.map { String($0.dropFirst(4)) }
  }

  private static let requests: [(String, JSONValue)] = [
    ("/v1/chat/completions", chat), ("/v1/completions", ["prompt": "hi", "stream": true]), ("/v1/messages", messages),
    ("/v1/responses", ["input": "hi", "stream": true]),
  ]

  @Test(arguments: requests)
  func everyPlaceOfAStreamCanBeContinued(path: String, body: JSONValue) async throws {
    let server = try TestServer(ScriptedGenerator(text: "A few words."))
    let whole = try await server.send(path, body, headers: Self.resume).text
    let ids = Self.ids(whole)
    #expect(ids.count > 5)
    for id in ids {
      let rest = try await server.send(path, body, headers: Self.last(id)).text
      let tail = try #require(whole.range(of: "id: \(id)\n"))
      let next = whole[tail.upperBound...].range(of: "\nid: ").map { whole.index(after: $0.lowerBound) }
      #expect(rest == next.map { String(whole[$0...]) } ?? "")
    }
    #expect(server.generator.requests.count == 1, "continuing asks the engine for nothing")
  }

  @Test func aStreamIsThatOfItsRequestWithoutTheWish() async throws {
    let server = try TestServer(ScriptedGenerator(text: "Some words."))
    func contents(_ reply: TestServer.Reply) throws -> [JSONValue?] {
      try reply.data.map { $0["choices"]?[0]?["delta"] }
    }
    let plain = try await server.send("/v1/chat/completions", Self.chat)
    let resumable = try await server.send("/v1/chat/completions", Self.chat, headers: Self.resume)
    #expect(try contents(plain) == contents(resumable))
    #expect(!plain.text.contains("id: "))
    #expect(resumable.text.hasSuffix("data: [DONE]\n\n"))
  }

  @Test func anotherKeysStreamIsUnknown() async throws {
    var options = HTTPOptions()
    options.apiKey = "one"
    options.adminAPIKey = "two"
    let server = try TestServer(ScriptedGenerator(text: "words"), options: options)
    let one: HTTPFields = [.authorization: "Bearer one"], two: HTTPFields = [.authorization: "Bearer two"]
    let text = try await server.send("/v1/chat/completions", Self.chat, headers: one + Self.resume).text
    let id = try #require(Self.ids(text).first), stream = try #require(id.split(separator: ":").first)
    #expect(try await server.send("/v1/chat/completions", headers: two + Self.last(id)).status == 404)
    #expect(try await server.send("/v1/streams/\(stream)", method: .get, headers: two).status == 404)
    #expect(try await server.send("/v1/streams/\(stream)", method: .get, headers: one).text == text)
  }

  @Test(arguments: ["strm_", "strm_x:", "strm_x:y", "strm_x:99999999999999999999", "strm_x:-5"])
  func faultyEventIDsAreRefused(id: String) async throws {
    let server = try TestServer(ScriptedGenerator(text: "x"))
    let status = try await server.send("/v1/chat/completions", Self.chat, headers: Self.last(id)).status
    #expect(status == 400)
  }

  @Test func theOldestEventsGoWhenAStreamGrowsTooLong() async throws {
    let log = EventLog(
      id: "strm_1", tenant: Tenant(name: ""), grace: nil, maxBytes: 100, tasks: BackgroundTasks())
    for _ in 0..<50 { log.append(Array("data: {}\n\n".utf8)) }
    log.close()
    #expect(log.bytes <= 100)
  }

  /// Collects what a response writes.
  private struct Collector: ResponseBodyWriter {
    let text: Recorder<String>
    mutating func write(_ buffer: ByteBuffer) async throws { text.change { $0 += String(buffer: buffer) } }
    consuming func finish(_ trailers: HTTPFields?) async throws {}
  }

  @Test func aReaderOfDroppedEventsIsTold() async throws {
    let log = EventLog(
      id: "strm_1", tenant: Tenant(name: ""), grace: nil, maxBytes: 100, tasks: BackgroundTasks())
    for number in 10..<60 { log.append(Array("data: {\(number)}\n\n".utf8)) }
    log.close()
    let connections = ClientConnections(), connection = ClientConnection()
    let channel = ObjectIdentifier(connection)
    connections.add(connection, for: channel)
    func read(after number: Int) async throws -> String {
      let text = Recorder("")
      try await log.response(after: number, channel: channel, connections: connections).body.write(
        Collector(text: text))
      return text.value
    }
    let lost = try await read(after: 3)
    #expect(lost.contains("the events behind 3 are no longer kept") && !lost.contains("id:"))
    #expect(try await read(after: 47) == "id: strm_1:48\ndata: {58}\n\nid: strm_1:49\ndata: {59}\n\n")
    #expect(try await read(after: 49) == "")
  }

  @Test func endedStreamsExpireAndMakeRoom() throws {
    let time = Recorder(ContinuousClock.now)
    var limits = ResumableStreams.Limits()
    limits.maxStreams = 3
    limits.kept = .seconds(10)
    let streams = ResumableStreams(limits: limits, tasks: BackgroundTasks()) { time.value }
    let tenant = Tenant(name: "")
    for name in ["a", "b", "c"] { #expect(streams.open(id: name, tenant: tenant, grace: nil) != nil) }
    #expect(streams.open(id: "d", tenant: tenant, grace: nil) == nil, "running streams are not dropped")
    streams.find("b", tenant: tenant)?.close()
    #expect(streams.open(id: "d", tenant: tenant, grace: nil) != nil)
    #expect(streams.find("b", tenant: tenant) == nil)
    streams.find("c", tenant: tenant)?.close()
    time.change { $0 += .seconds(20) }
    #expect(streams.find("c", tenant: tenant) == nil)
    #expect(streams.find("a", tenant: tenant) != nil)
    #expect(streams.find("a", tenant: Tenant(name: "other")) == nil)
  }

  @Test func aGenerationThatNobodyComesBackToEnds() async throws {
    let connections = ClientConnections(), connection = ClientConnection()
    let channel = ObjectIdentifier(connection)
    connections.add(connection, for: channel)
    let (abandoned, told) = AsyncStream.makeStream(of: Void.self)
    let log = EventLog(
      id: "strm_1", tenant: Tenant(name: ""), grace: .milliseconds(5), maxBytes: 1000, tasks: BackgroundTasks())
    log.onAbandoned { told.yield() }
    _ = log.response(after: -1, channel: channel, connections: connections)
    connection.close()
    var iterator = abandoned.makeAsyncIterator()
    #expect(await iterator.next() != nil)
  }
}
