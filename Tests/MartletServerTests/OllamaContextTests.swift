import MartletCore
import MartletText
import Testing

@testable import MartletServer

/// num_ctx, truncate and what stands beside them. Each byte is a token here.
@Suite struct OllamaContextTests {
  private static let template =
    "{%- for m in messages %}<{{ m.role[0] }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<a>{% endif %}"

  private static func server() throws -> TestServer {
    try TestServer(ScriptedGenerator(text: String(repeating: "y", count: 4096)), template: template)
  }

  private static func chat(_ extra: JSONObject) -> JSONValue {
    let long = JSONValue.string(String(repeating: "x", count: 40))
    let base: JSONObject = [
      "model": "m", "stream": false,
      "messages": [
        ["role": "system", "content": "S"], ["role": "user", "content": long],
        ["role": "assistant", "content": long], ["role": "user", "content": "b"],
        ["role": "assistant", "content": "c"], ["role": "user", "content": "d"],
      ],
    ]
    return .object(JSONObject(base.members + extra.members))
  }

  private static func prompt(_ server: TestServer) throws -> String {
    let request = try #require(server.generator.requests.last)
    return String(decoding: request.prompt.map { UInt8($0.rawValue) }, as: UTF8.self)
  }

  @Test func theContextHoldsPromptAndAnswer() async throws {
    let server = try Self.server()
    let reply = try await server.send("/api/chat", Self.chat(["options": ["num_ctx": 120]])).json
    #expect(reply["done_reason"] == "length")
    let prompt = try #require(reply["prompt_eval_count"]?.intValue),
      answer = try #require(reply["eval_count"]?.intValue)
    #expect(prompt + answer == 120)
    let most = try await server.send("/api/chat", Self.chat(["options": ["num_ctx": 1_000_000]])).json
    #expect((most["prompt_eval_count"]?.intValue ?? 0) + (most["eval_count"]?.intValue ?? 0) == 4096)
  }

  @Test func aLongPromptIsRefusedUnlessItMayBeCut() async throws {
    let server = try Self.server()
    let refused = try await server.send("/api/chat", Self.chat(["options": ["num_ctx": 40]]))
    #expect(refused.status == 400 && refused.text.contains("context holds 40") && refused.text.contains("truncate"))
    let cut = try await server.send("/api/chat", Self.chat(["options": ["num_ctx": 40], "truncate": true])).json
    #expect(try Self.prompt(server) == "<s>S<u>b<a>c<u>d<a>")
    #expect(cut["truncated_messages"] == 2)
    // A quarter of the context is kept for the answer: the turn "b" does not fit beside it.
    let shorter = try await server.send("/api/chat", Self.chat(["options": ["num_ctx": 19], "truncate": true])).json
    #expect(try Self.prompt(server) == "<s>S<u>d<a>")
    #expect(shorter["truncated_messages"] == 4)
    let tooLong = try await server.send("/api/chat", Self.chat(["options": ["num_ctx": 8], "truncate": true]))
    #expect(tooLong.status == 400 && tooLong.text.contains("last turn alone"))
  }

  @Test func whatFitsIsNotCut() async throws {
    let server = try Self.server()
    let reply = try await server.send("/api/chat", Self.chat(["truncate": true])).json
    #expect(reply["truncated_messages"] == nil && reply["prompt_eval_count"] == 105)
  }

  @Test func aTextLosesTokensBehindItsKeptBeginning() async throws {
    let server = try Self.server()
    let text = String((0..<100).map { Character(UnicodeScalar(UInt8(0x21 + $0 % 90))) })
    let options: JSONValue = ["num_ctx": 20, "num_predict": 4, "num_keep": 3]
    let body: JSONValue = ["prompt": .string(text), "raw": true, "stream": false, "truncate": true, "options": options]
    let reply = try await server.send("/api/generate", body).json
    #expect(try Self.prompt(server) == String(text.prefix(3) + text.suffix(13)))
    #expect(reply["truncated_tokens"] == 84 && reply["eval_count"] == 4)
  }

  @Test(arguments: [
    (#"{"options": {"num_ctx": 0}}"#, "num_ctx"), (#"{"keep_alive": "soon"}"#, "keep_alive"),
    (#"{"keep_alive": [1]}"#, "keep_alive"), (#"{"format": "xml"}"#, "format"), (#"{"context": [1]}"#, "context"),
    (#"{"options": {"mirostat": 2}}"#, "mirostat"), (#"{"truncate": 1}"#, "truncate"), (#"{"shift": true}"#, "shift"),
  ])
  func whatIsNotHeldIsRefused(extra: String, field: String) async throws {
    let members = try JSONValue(parsing: extra).objectValue ?? JSONObject()
    let reply = try await Self.server().send("/api/chat", Self.chat(members))
    #expect(reply.status == 400 && reply.text.contains(field), "\(reply.text)")
  }

  @Test func whatClientsSendByHabitIsTaken() async throws {
    let habits: JSONObject = [
      "keep_alive": "5m", "format": "", "options": ["mirostat": 0, "typical_p": 1.0, "num_predict": 2],
    ]
    #expect(try await Self.server().send("/api/chat", Self.chat(habits)).status == 200)
    let numbered = Self.chat(["keep_alive": -1, "options": ["num_predict": 2]])
    #expect(try await Self.server().send("/api/chat", numbered).status == 200)
  }
}
