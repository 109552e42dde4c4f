import MartletCore
import MartletText
import Testing

@testable import MartletServer

/// /v1/embeddings, /api/embed and /api/embeddings. Each byte is a token; a vector tells its prompt's length and first token.
@Suite struct EmbeddingsTests {
  private static func server(_ embeddings: ServedModel.Embeddings? = .init(pooling: .mean, dimensions: 3)) throws
    -> TestServer
  {
    try TestServer(ScriptedGenerator(text: "x"), embeddings: embeddings)
  }

  @Test func everyFormOfInputIsRead() async throws {
    let server = try Self.server()
    for (input, count) in [("abcd", 1), (["abcd", "x"], 2), ([97, 98], 1), ([[97, 98], [99]], 2)] as [(JSONValue, Int)]
    {
      let reply = try await server.send("/v1/embeddings", ["input": input, "model": "m"]).json
      #expect(reply["object"] == "list" && reply["model"] == "m")
      let data = try #require(reply["data"]?.arrayValue)
      #expect(data.count == count)
      #expect(data.enumerated().allSatisfy { $1["index"]?.intValue == $0 && $1["object"] == "embedding" })
    }
    let reply = try await server.send("/v1/embeddings", ["input": ["abcd", "x"]]).json
    #expect(reply["usage"]?["prompt_tokens"] == 5 && reply["usage"]?["total_tokens"] == 5)
    #expect(server.generator.requests.allSatisfy { $0.pooling == .mean && $0.stop.maxTokens == 0 })
  }

  @Test func vectorsHaveLengthOneInBothFormats() async throws {
    let server = try Self.server()
    // The prompt has 97 tokens, the first of which is 97.
    let text = JSONValue.string(String(repeating: "a", count: 97))
    let reply = try await server.send("/v1/embeddings", ["input": text]).json
    let half = Float(0.5).squareRoot()
    let values = try #require(reply["data"]?[0]?["embedding"]?.arrayValue).map { Float($0.doubleValue ?? .nan) }
    #expect(values == [half, half, 0])
    let packed = try await server.send("/v1/embeddings", ["input": text, "encoding_format": "base64"]).json
    // 0.70710677 is 0x3F3504F3.
    #expect(packed["data"]?[0]?["embedding"] == "8wQ1P/MENT8AAAAA")
    let short = try await server.send("/v1/embeddings", ["input": text, "dimensions": 1]).json
    #expect(short["data"]?[0]?["embedding"]?.arrayValue?.map(\.doubleValue) == [1])
  }

  @Test(
    arguments: [
      (["input": ""], "input"), (["input": []], "input"), (["input": ["a", ""]], "input[1]"), ([:], "input"),
      (["input": 7], "input"), (["input": ["a", 7]], "input[1]"), (["input": [[999]]], "999"),
      (["input": "a", "encoding_format": "hex"], "encoding_format"), (["input": "a", "dimensions": 0], "dimensions"),
      (["input": "a", "dimensions": 4], "dimensions"),
      (["input": .string(String(repeating: "a", count: 5000))], "5000 tokens"),
      (["input": .array(Array(repeating: "a", count: 2049))], "2048"),
    ] as [(JSONValue, String)])
  func faultyRequestsAreRefused(body: JSONValue, word: String) async throws {
    let reply = try await Self.server().send("/v1/embeddings", body)
    #expect(reply.status == 400 && reply.text.contains(word), "\(reply.text)")
  }

  @Test func aLongListRunsInParts() async throws {
    let server = try Self.server()
    let input = (1...500).map { JSONValue.string(String(repeating: "a", count: $0)) }
    let reply = try await server.send("/v1/embeddings", ["input": .array(input)]).json
    let data = try #require(reply["data"]?.arrayValue)
    // The longer the prompt, the larger the first value.
    let firsts = data.compactMap { $0["embedding"]?[0]?.doubleValue }
    #expect(firsts.count == 500 && zip(firsts, firsts.dropFirst()).allSatisfy { $0 < $1 })
  }

  @Test func ollamaGetsItsForms() async throws {
    let server = try Self.server()
    let reply = try await server.send("/api/embed", ["model": "m", "input": ["abcd", "x"]]).json
    #expect(reply["embeddings"]?.arrayValue?.count == 2 && reply["prompt_eval_count"] == 5)
    #expect(reply["total_duration"]?.intValue ?? 0 > 0 && reply["truncated_tokens"] == nil)
    let former = try await server.send("/api/embeddings", ["prompt": "abcd"]).json
    #expect(former["embedding"] == reply["embeddings"]?[0])
    let none = try await server.send("/api/embed", ["model": "m"]).json
    #expect(none["embeddings"]?.arrayValue?.isEmpty == true)
  }

  @Test func ollamaCutsOnlyWhatItMay() async throws {
    let server = try Self.server()
    let body: JSONObject = ["input": "abcdefgh", "options": ["num_ctx": 5]]
    let refused = try await server.send("/api/embed", .object(body))
    #expect(refused.status == 400 && refused.text.contains("8 tokens"))
    let cut = try await server.send("/api/embed", .object(JSONObject(body.members + [("truncate", true)]))).json
    #expect(cut["truncated_tokens"] == 3)
    #expect(server.generator.requests.last?.prompt.map(\.rawValue) == [97, 98, 99, 100, 101])
  }

  @Test func aServerWithoutPoolingSaysSo() async throws {
    for (path, body) in [
      ("/v1/embeddings", ["input": "x"]), ("/api/embed", ["input": "x"]), ("/api/embeddings", ["prompt": "x"]),
    ] as [(String, JSONValue)] {
      let reply = try await Self.server(nil).send(path, body)
      #expect(reply.status == 400 && reply.text.contains("--pooling"))
    }
  }
}
