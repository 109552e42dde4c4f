import Hummingbird
import MartletCore
import MartletText
import Testing

@testable import MartletServer

/// The routes' fields, without a socket or a model.
@Suite struct RoutesTests {
  private static let chat: JSONValue = ["messages": [["role": "user", "content": "hello"]], "max_tokens": 5]

  private static func body(_ base: JSONValue, _ key: String, _ value: JSONValue) -> JSONValue {
    var object = base.objectValue ?? JSONObject()
    object[key] = value
    return .object(object)
  }

  @Test func moreAnswersThanTheServerHoldsAreRefused() async throws {
    let server = try TestServer(ScriptedGenerator(text: "x"))
    let prompts = JSONValue.array(Array(repeating: "a", count: 2048))
    for (body, count) in [(["prompt": prompts, "n": 128], 262_144), (["prompt": prompts], 2048)] as [(JSONValue, Int)] {
      let reply = try await server.send("/v1/completions", body)
      #expect(reply.status == 400 && reply.text.contains("asks for \(count) answers"), "\(reply.text)")
    }
    #expect(server.generator.requests.isEmpty)
  }

  @Test func chatAnswersWhole() async throws {
    let server = try TestServer(ScriptedGenerator(text: "hi there"))
    let reply = try await server.send("/v1/chat/completions", Self.chat)
    #expect(reply.status == 200)
    let choice = try reply.json["choices"]?[0]
    #expect(choice?["message"]?["content"]?.stringValue == "hi th")
    #expect(choice?["finish_reason"]?.stringValue == "length")
    #expect(try reply.json["usage"]?["completion_tokens"]?.intValue == 5)
    let prompt = server.generator.requests[0].prompt.map { UInt8($0.rawValue) }
    #expect(String(decoding: prompt, as: UTF8.self) == "user: hello\nassistant:")
  }

  @Test func chatStreamsTheSameText() async throws {
    let server = try TestServer(ScriptedGenerator(text: "größe"))
    var body = Self.body(Self.chat, "stream", true)
    body = Self.body(body, "max_tokens", 100)
    body = Self.body(body, "stream_options", ["include_usage": true])
    let events = try await server.send("/v1/chat/completions", body).events
    let pieces = events.compactMap { $0["choices"]?[0]?["delta"]?["content"]?.stringValue }
    #expect(pieces.joined() == "größe")
    #expect(pieces.allSatisfy { !$0.contains("\u{FFFD}") })
    #expect(events.compactMap { $0["choices"]?[0]?["finish_reason"]?.stringValue } == ["length"])
    #expect(events.last?["usage"]?["completion_tokens"]?.intValue == 7)
    #expect(events.last?["choices"]?.arrayValue?.isEmpty == true)
  }

  @Test func aStopStringEndsAnAnswerAndItsGeneration() async throws {
    let server = try TestServer(ScriptedGenerator(text: "one END two"))
    let body = Self.body(Self.body(Self.chat, "max_tokens", 50), "stop", "END")
    let choice = try await server.send("/v1/chat/completions", body).json["choices"]?[0]
    #expect(choice?["message"]?["content"]?.stringValue == "one ")
    #expect(choice?["matched_stop"]?.stringValue == "END")
  }

  @Test func toolsReachTheTemplate() async throws {
    let server = try TestServer(ScriptedGenerator(text: "x"))
    let tool: JSONValue = ["type": "function", "function": ["name": "f"]]
    let body: JSONValue = ["messages": [["role": "user", "content": "a"]], "tools": [tool, tool]]
    let tokens = try await server.send("/tokenize", body).json["tokens"]?.arrayValue ?? []
    let text = String(decoding: tokens.compactMap { $0.intValue.map { UInt8($0) } }, as: UTF8.self)
    #expect(text.contains("[2 tools]"))
  }

  @Test func eachPromptMayHaveItsOwnParameters() async throws {
    let server = try TestServer(ScriptedGenerator(text: "abcdef"))
    let body: JSONValue = [
      "text": ["x", "y"], "sampling_params": [["max_new_tokens": 1], ["max_new_tokens": 3]],
      "return_logprob": true, "token_ids_logprob": [7],
    ]
    let items = try await server.send("/generate", body).json
    #expect(items[0]?["text"]?.stringValue == "a")
    #expect(items[1]?["text"]?.stringValue == "abc")
    #expect(items[1]?["meta_info"]?["output_token_ids_logprobs"]?[2]?[0]?[1]?.intValue == 7)
    let uneven = try await server.send("/generate", Self.body(body, "sampling_params", [["max_new_tokens": 1]]))
    #expect(uneven.status == 400)
    #expect(uneven.text.contains("sampling_params"))
  }

  @Test func prioritiesCountOnlyWhereTheServerHonorsThem() async throws {
    let body: JSONValue = ["prompt": "x", "max_tokens": 1, "priority": 7]
    let plain = try TestServer(ScriptedGenerator(text: "x"))
    _ = try await plain.send("/v1/completions", body)
    #expect(plain.generator.requests[0].priority == 0)
    var options = HTTPOptions()
    options.honorsPriority = true
    let ordered = try TestServer(ScriptedGenerator(text: "x"), options: options)
    _ = try await ordered.send("/v1/completions", body)
    #expect(ordered.generator.requests[0].priority == 7)
  }

  @Test func tenantsHaveNamespacesOfTheirOwn() async throws {
    var options = HTTPOptions()
    options.apiKey = "first"
    options.adminAPIKey = "second"
    let server = try TestServer(ScriptedGenerator(text: "x"), options: options)
    for (key, salt) in [("first", nil), ("second", nil), ("first", "s"), ("first", "t")] {
      let body = salt.map { Self.body(Self.chat, "cache_salt", .string($0)) } ?? Self.chat
      let reply = try await server.send("/v1/chat/completions", body, headers: [.authorization: "Bearer \(key)"])
      #expect(reply.status == 200)
    }
    #expect(Set(server.generator.requests.map(\.namespace)).count == 4)
  }

  @Test func keysCloseEverythingButLiveness() async throws {
    var options = HTTPOptions()
    options.apiKey = "secret"
    let server = try TestServer(ScriptedGenerator(text: "x"), options: options)
    for path in ["/v1/models", "/model_info", "/server_info", "/nothing"] {
      #expect(try await server.send(path, method: .get).status == 401)
    }
    for path in ["/v1/chat/completions", "/generate", "/tokenize", "/flush_cache", "/abort_request"] {
      #expect(try await server.send(path, Self.chat).status == 401)
      #expect(try await server.send(path, Self.chat, headers: [.authorization: "Bearer secret2"]).status == 401)
    }
    #expect(try await server.send("/ready", method: .get).status == 200)
    #expect(server.generator.requests.isEmpty)
  }

  @Test func unknownRoutesAndModelsAreNotFound() async throws {
    let server = try TestServer(ScriptedGenerator(text: "x"))
    let route = try await server.send("/v1/nothing", method: .get)
    #expect(route.status == 404)
    #expect(try route.json["message"] == "there is no GET /v1/nothing; /openapi.json lists the routes")
    let other = try await server.send("/api/pull", [:])
    #expect(try other.status == 404 && other.json["error"]?.stringValue?.contains("POST /api/pull") == true)
    let method = try await server.send("/v1/messages", method: .get)
    #expect(try method.status == 405 && method.json["error"]?["message"] == "/v1/messages takes POST, not GET")
    #expect(try await server.send("/flush_cache", method: .delete).text.contains("takes GET or POST, not DELETE"))
    for (path, status) in [
      ("/", 200), ("/health", 200), ("/v1/models", 200), ("/v1/messages", 405), ("/x", 404), ("/v1/responses/x", 404),
    ] {
      let head = try await server.send(path, method: .head)
      #expect(head.status == status && head.text.isEmpty)
    }
    let model = try await server.send("/v1/models/other", method: .get)
    #expect(model.status == 404)
    #expect(try model.json["code"]?.stringValue == "model_not_found")
  }

  @Test(arguments: [[1, 258], [-1], [[1], [99_999_999]]] as [JSONValue]) func strangeTokensHaveNoText(tokens: JSONValue)
    async throws
  {
    let reply = try await TestServer(ScriptedGenerator(text: "x")).send("/detokenize", ["tokens": tokens])
    #expect(reply.status == 400 && reply.text.contains("tokens"))
  }

  /// Every field of every route with values of every wrong kind: a client error that names the field, or an answer.
  @Test(arguments: [
    "/v1/chat/completions", "/v1/completions", "/generate", "/tokenize", "/detokenize", "/v1/messages", "/api/chat",
    "/api/generate", "/separate_reasoning", "/parse_function_call",
  ])
  func wrongValuesAreClientErrors(path: String) async throws {
    let server = try TestServer(ScriptedGenerator(text: "abc"))
    let values: [JSONValue] = [
      "x", "", "\u{0}", true, -1, 0, 1.5, 1e308, -1e308, .int(.max), .int(.min), [], ["x"], [1], [[]], [[1]], [-5],
      [.int(.max)], [:], ["a": 1], [["a": .null]], .string(String(repeating: "a", count: 10_000)),
    ]
    let common = [
      "temperature", "top_p", "top_k", "min_p", "frequency_penalty", "presence_penalty", "repetition_penalty",
      "logit_bias", "stop", "stop_token_ids", "n", "ignore_eos", "skip_special_tokens", "no_stop_trim", "regex",
      "ebnf", "json_schema", "whitespace_pattern", "any_whitespace", "max_thinking_tokens", "custom_params",
    ]
    let base: JSONValue
    var fields: [String]
    switch path {
    case "/v1/chat/completions":
      base = Self.chat
      fields =
        common + [
          "messages", "max_tokens", "max_completion_tokens", "stream", "stream_options", "logprobs", "top_logprobs",
          "tools", "tool_choice", "response_format", "chat_template_kwargs", "continue_final_message", "seed",
          "input_ids", "cache_salt", "priority", "rid", "model", "add_generation_prompt", "reasoning_effort",
          "reasoning", "thinking", "separate_reasoning", "stream_reasoning", "parallel_tool_calls", "timing",
        ]
    case "/v1/completions":
      base = ["prompt": "x", "max_tokens": 3]
      fields =
        common + ["prompt", "max_tokens", "stream", "logprobs", "echo", "best_of", "suffix", "seed", "extra_key"]
    case "/generate":
      base = ["text": "x", "sampling_params": ["max_new_tokens": 3]]
      fields = [
        "text", "input_ids", "sampling_params", "return_logprob", "logprob_start_len", "top_logprobs_num",
        "token_ids_logprob", "rid", "stream", "image_data", "lora_path", "return_text_in_logprobs",
      ]
    case "/tokenize":
      base = ["prompt": "x"]
      fields = ["prompt", "messages", "add_special_tokens", "tools"]
    case "/v1/messages":
      base = ["messages": [["role": "user", "content": "hello"]], "max_tokens": 5]
      fields = [
        "messages", "max_tokens", "system", "stop_sequences", "stream", "temperature", "top_k", "top_p", "thinking",
        "tools", "tool_choice", "output_config", "output_format", "metadata", "model", "whitespace_pattern",
      ]
    case "/api/chat":
      base = ["messages": [["role": "user", "content": "hello"]], "options": ["num_predict": 5], "stream": false]
      fields = ["messages", "options", "stream", "think", "tools", "format", "keep_alive", "model"]
    case "/api/generate":
      base = ["prompt": "x", "options": ["num_predict": 5], "stream": false]
      fields = ["prompt", "system", "options", "stream", "think", "raw", "suffix", "images", "template", "model"]
    case "/separate_reasoning":
      base = ["text": "x", "reasoning_parser": "qwen3"]
      fields = ["text", "reasoning_parser"]
    case "/parse_function_call":
      base = ["text": "x", "tool_call_parser": "qwen25"]
      fields = ["text", "tool_call_parser", "tools"]
    default:
      base = ["tokens": [65]]
      fields = ["tokens", "skip_special_tokens"]
    }
    for field in fields {
      for value in values {
        let reply = try await server.send(path, Self.body(base, field, value))
        #expect([200, 400].contains(reply.status), "\(field): \(reply.text)")
        guard reply.status == 400 else { continue }
        let json = try reply.json
        let message =
          json["message"]?.stringValue ?? json["error"]?["message"]?.stringValue ?? json["error"]?.stringValue ?? ""
        let isAboutSize = message.contains("context holds") || message.contains("prompt is empty")
        #expect(isAboutSize || message.contains(field.split(separator: "_")[0]), "\(field) = \(value): \(message)")
      }
    }
    for key in common where path == "/generate" {
      for value in values {
        let reply = try await server.send(path, Self.body(base, "sampling_params", [key: value, "max_new_tokens": 2]))
        #expect([200, 400].contains(reply.status), "\(key): \(reply.text)")
        #expect(reply.status == 200 || reply.text.contains(key), "\(key): \(reply.text)")
      }
    }
    #expect(server.generator.openCount == 0)
  }

  @Test func brokenBodiesAreClientErrors() async throws {
    let server = try TestServer(ScriptedGenerator(text: "abc"))
    let bodies: [[UInt8]] = [
      [], Array("{".utf8), Array("null".utf8), Array("[]".utf8), Array("{\"prompt\": \"\\ud800\"}x".utf8),
      [0xFF, 0xFE],
      Array("{\"prompt\": \"".utf8) + [0xC3, 0x28] + Array("\"}".utf8), Array("{\"prompt\": 1e999}".utf8),
      Array(repeating: UInt8(ascii: "["), count: 100_000),
    ]
    for path in ["/v1/chat/completions", "/v1/completions", "/generate", "/tokenize", "/abort_request"] {
      for body in bodies {
        let reply = try await server.send(path, bytes: body)
        #expect(reply.status == 400, "\(path): \(reply.text)")
      }
      let text = try await server.send(path, bytes: Array("x".utf8), headers: [.contentType: "text/plain"])
      #expect(text.status == 400)
      #expect(text.text.contains("Content-Type"))
    }
  }

  @Test func aBatchWithOneBadPromptAdmitsNothing() async throws {
    let server = try TestServer(ScriptedGenerator { _ in nil })
    let body: JSONValue = ["input_ids": [[65], [66], [70_000]], "sampling_params": ["max_new_tokens": 3]]
    let reply = try await server.send("/generate", body)
    #expect(reply.status == 400)
    #expect(server.generator.openCount == 0)
    #expect(server.generator.cancelled.count == 2)
  }
}
