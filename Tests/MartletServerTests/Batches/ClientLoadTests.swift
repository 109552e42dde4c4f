import MartletCore
import MartletText
import Testing

@testable import MartletServer

@Suite struct ClientLoadTests {
  @Test func aRequestCountsForAsLongAsItLives() {
    let load = ClientLoad()
    var first: ClientLoad.Presence? = load.enter()
    let second = load.enter()
    withExtendedLifetime((first, second)) { #expect(load.requests == 2) }
    first = nil
    withExtendedLifetime(second) { #expect(load.requests == 1) }
  }

  @Test func requestsCountWhileTheyAreAnsweredAndNotLonger() async throws {
    let counts = Recorder<[Int]>([]), load = Recorder<ClientLoad?>(nil)
    let generator = ScriptedGenerator { request in
      counts.change { $0.append(load.value?.requests ?? -1) }
      return Array("hi".utf8).map { Int32($0) }
    }
    let server = try TestServer(generator)
    load.change { $0 = server.server.model.clients }
    let messages: JSONValue = [["role": "user", "content": "x"]]
    let bodies: [(String, JSONObject)] = [
      ("/v1/chat/completions", ["messages": messages]), ("/v1/completions", ["prompt": "x"]),
      ("/v1/messages", ["messages": messages, "max_tokens": 4]), ("/v1/responses", ["input": "x"]),
      ("/api/chat", ["messages": messages]), ("/generate", ["text": "x"]),
    ]
    for (path, body) in bodies {
      for stream in [false, true] {
        var body = body
        body["stream"] = .bool(stream)
        let reply = try await server.send(path, .object(body))
        #expect(reply.status == 200)
        #expect(server.server.model.clients.requests == 0, "\(path) stays counted")
      }
    }
    #expect(try await server.send("/v1/embeddings", ["input": "x"]).status == 200)
    #expect(server.server.model.clients.requests == 0)
    #expect(counts.value.count == 2 * bodies.count)
  }
}
