import Hummingbird
import MartletCore
import MartletText
import Testing

@testable import MartletServer

/// Anthropic's and Ollama's requests and answers over the same core.
@Suite struct DialectTests {
  private static let answer = """
    <think>
    Hm, é.
    </think>

    Let me look.
    <tool_call>
    {"name": "get_weather", "arguments": {"city": "Zürich"}}
    </tool_call>
    """
  private static let template = """
    {%- for m in messages %}<{{ m.role }}>{{ m.content }}{% for c in m.tool_calls or [] %}[{{ c.function.name }} \
    {{ c.function.arguments | tojson }}]{% endfor %}{% endfor %}{% for t in tools or [] %}{{ t.function.name }};\
    {% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}
    """
  private static let parameters: JSONValue = ["type": "object", "properties": ["city": ["type": "string"]]]

  private static func server(_ text: String, options: HTTPOptions = HTTPOptions()) throws -> TestServer {
    try TestServer(
      ScriptedGenerator { request in Array(text.utf8.prefix(request.stop.maxTokens)).map { Int32($0) } + [257] },
      options: options,
      formats: AnswerFormats(tools: ToolFormat.named("qwen25"), reasoning: ReasoningFormat.named("qwen3")),
      template: template)
  }

  private static func with(_ base: JSONValue, _ extra: JSONObject) -> JSONValue {
    .object(JSONObject((base.objectValue ?? JSONObject()).members + extra.members))
  }

  private static let anthropic: JSONValue = [
    "model": "m", "max_tokens": 1000, "system": [["type": "text", "text": "S"]],
    "messages": [
      ["role": "user", "content": "hi"],
      [
        "role": "assistant",
        "content": [
          ["type": "thinking", "thinking": "t", "signature": ""], ["type": "text", "text": "ok"],
          ["type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": ["city": "Rome"]],
        ],
      ],
      [
        "role": "user",
        "content": [
          ["type": "tool_result", "tool_use_id": "toolu_1", "content": [["type": "text", "text": "31"]]],
          ["type": "text", "text": "and?"],
        ],
      ],
    ],
    "tools": [["name": "get_weather", "input_schema": parameters]],
  ]

  private static let ollama: JSONValue = [
    "model": "m",
    "messages": [
      ["role": "system", "content": "S"], ["role": "user", "content": "hi"],
      [
        "role": "assistant", "content": "ok",
        "tool_calls": [["function": ["name": "get_weather", "arguments": ["city": "Rome"]]]],
      ],
      ["role": "tool", "tool_name": "get_weather", "content": "31"], ["role": "user", "content": "and?"],
    ],
    "tools": [["type": "function", "function": ["name": "get_weather", "parameters": parameters]]],
    "options": ["num_predict": 1000],
  ]

  @Test func theSameConversationGivesTheSamePrompt() async throws {
    let server = try Self.server("x")
    _ = try await server.send("/v1/messages", Self.anthropic)
    _ = try await server.send("/api/chat", Self.ollama)
    var chat = Self.with(Self.ollama, ["max_tokens": 1000])
    if var object = chat.objectValue {
      object["options"] = nil
      chat = .object(object)
    }
    _ = try await server.send("/v1/chat/completions", chat)
    let prompts = server.generator.requests.map { request in
      String(decoding: request.prompt.map { UInt8($0.rawValue) }, as: UTF8.self)
    }
    #expect(
      prompts
        == Array(
          repeating:
            "<system>S<user>hi<assistant>ok[get_weather {\"city\": \"Rome\"}]<tool>31<user>and?get_weather;<assistant>",
          count: 3))
    let count = try await server.send("/v1/messages/count_tokens", Self.anthropic).json["input_tokens"]?.intValue
    #expect(count == prompts[0].utf8.count)
  }

  @Test func messagesHaveBlocks() async throws {
    let reply = try await Self.server(Self.answer).send("/v1/messages", Self.anthropic).json
    #expect(reply["type"] == "message" && reply["role"] == "assistant" && reply["stop_reason"] == "tool_use")
    #expect(reply["content"]?[0]?["thinking"]?.stringValue == "Hm, é.")
    #expect(reply["content"]?[1]?["text"]?.stringValue == "Let me look.")
    let call = reply["content"]?[2]
    #expect(call?["type"] == "tool_use" && call?["input"]?["city"]?.stringValue == "Zürich")
    #expect(call?["id"]?.stringValue?.hasPrefix("toolu_") == true)
    #expect(reply["usage"]?["output_tokens"]?.intValue == Self.answer.utf8.count + 1)
  }

  @Test func streamedMessagesHaveTheirEventsInOrder() async throws {
    let body = Self.with(Self.anthropic, ["stream": true])
    let text = try await Self.server(Self.answer).send("/v1/messages", body).text
    var kinds: [String] = [], json = "", blocks: [String] = []
    for frame in text.split(separator: "\n\n") {
      let lines = frame.split(separator: "\n")
      try #require(lines.count == 2 && lines[0].hasPrefix("event: ") && lines[1].hasPrefix("data: "))
      let event = try JSONValue(parsing: String(lines[1].dropFirst(6)))
      #expect(event["type"]?.stringValue == String(lines[0].dropFirst(7)))
      if event["type"]?.stringValue != kinds.last { kinds.append(event["type"]?.stringValue ?? "") }
      json += event["delta"]?["partial_json"]?.stringValue ?? ""
      if let block = event["content_block"]?["type"]?.stringValue { blocks.append(block) }
    }
    let block = ["content_block_start", "content_block_delta", "content_block_stop"]
    #expect(kinds == ["message_start", "ping"] + block + block + block + ["message_delta", "message_stop"])
    #expect(blocks == ["thinking", "text", "tool_use"])
    #expect(json == "{\"city\": \"Zürich\"}")
    #expect(text.contains("\"stop_reason\":\"tool_use\""))
  }

  @Test func aStreamBeginsWithWhatTheCacheGave() async throws {
    var usage = GenerationUsage()
    usage.cachedTokens = 5
    usage.writtenTokens = 3
    let server = try TestServer(ScriptedGenerator(usage: usage) { _ in [104, 105, 257] }, template: Self.template)
    let body: JSONValue = ["max_tokens": 9, "messages": [["role": "user", "content": "0123456789"]], "stream": true]
    let events = try await server.send("/v1/messages", body).data
    let start = events.first?["message"]?["usage"]
    #expect(start?["cache_read_input_tokens"] == 5 && start?["cache_creation_input_tokens"] == 3)
    #expect(start?["input_tokens"]?.intValue == server.generator.requests[0].prompt.count - 8)
    #expect(start?["output_tokens"] == 0)
    #expect(events.first { $0["type"] == "message_delta" }?["usage"]?["cache_read_input_tokens"] == 5)
  }

  @Test func ollamaFormatsAreHeld() async throws {
    let server = try Self.server("x")
    let schema: JSONValue = ["type": "object", "properties": ["a": ["type": "integer"]]]
    for format in ["json", schema] as [JSONValue] {
      _ = try await server.send("/api/chat", Self.with(Self.ollama, ["format": format]))
    }
    #expect(server.generator.requests.map { $0.constraint != nil } == [true, true])
  }

  @Test func ollamaTellsEachTokensLogProbabilityOnce() async throws {
    let server = try Self.server("abc")
    for path in ["/api/chat", "/api/generate"] {
      let base: JSONValue = path == "/api/chat" ? Self.ollama : ["prompt": "x", "options": ["num_predict": 9]]
      let text = try await server.send(path, Self.with(base, ["logprobs": true])).text
      let lines = try text.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
      let tokens = lines.flatMap { $0["logprobs"]?.arrayValue ?? [] }.map { $0["token"]?.stringValue }
      #expect(tokens == ["a", "b", "c", "<|end|>"])
      let whole = try await server.send(path, Self.with(base, ["logprobs": true, "stream": false])).json["logprobs"]
      #expect(whole?.arrayValue?.count == 4 && whole?[0]?["logprob"]?.doubleValue == -0.5)
    }
  }

  @Test func tokensAreToldWhereTheyAreAskedFor() async throws {
    let server = try Self.server("ab")
    let ask: JSONObject = ["return_token_ids": true, "stream": false]
    let message = try await server.send("/v1/messages", Self.with(Self.anthropic, ask)).json
    let line = try await server.send("/api/chat", Self.with(Self.ollama, ask)).json
    #expect(message["response_token_ids"] == [97, 98, 257] && line["response_token_ids"] == [97, 98, 257])
    #expect(message["prompt_token_ids"] == line["prompt_token_ids"] && message["prompt_token_ids"] != nil)
    #expect(try await server.send("/v1/messages", Self.anthropic).json["prompt_token_ids"] == nil)
  }

  @Test func anthropicErrorsHaveItsShape() async throws {
    var options = HTTPOptions()
    options.apiKey = "k"
    let server = try Self.server("x", options: options)
    let refused = try await server.send("/v1/messages", Self.anthropic)
    #expect(refused.status == 401)
    #expect(try refused.json["error"]?["type"] == "authentication_error")
    let name = try #require(HTTPFields.Element.Name("x-api-key"))
    let key: HTTPFields = [name: "k"]
    #expect(try await server.send("/v1/messages", Self.anthropic, headers: key).status == 200)
    let faults: [(JSONObject, String)] = [
      (["max_tokens": .null], "max_tokens"), (["messages": []], "messages"),
      (["tool_choice": ["type": "x"]], "tool_choice"),
      (["messages": [["role": "user", "content": [["type": "image"]]]]], "messages[0].content[0]"),
      (["tools": [["type": "bash_20250124", "name": "bash"]]], "tools[0].type"),
      (
        ["tools": [["name": "f", "strict": true, "input_schema": ["properties": ["a": ["pattern": "("]]]]]],
        "tools[0].input_schema"
      ),
    ]
    for (extra, field) in faults {
      let reply = try await server.send("/v1/messages", Self.with(Self.anthropic, extra), headers: key)
      #expect(reply.status == 400 && reply.text.contains(field), "\(field): \(reply.text)")
      #expect(try reply.json["error"]?["type"] == "invalid_request_error")
    }
  }

  @Test func aLimitThatDoesNotFitIsLowered() async throws {
    let server = try Self.server("x")
    let reply = try await server.send("/v1/messages", Self.with(Self.anthropic, ["max_tokens": 64_000]))
    #expect(reply.status == 200)
    let request = server.generator.requests[0]
    #expect(request.prompt.count + request.stop.maxTokens == server.generator.limits.contextLength)
  }

  @Test func aLastAssistantMessageIsContinued() async throws {
    let server = try Self.server("!")
    let messages: JSONValue = [["role": "user", "content": "a"], ["role": "assistant", "content": "He"]]
    let body: JSONValue = ["max_tokens": 9, "messages": messages, "stop_sequences": ["!"]]
    let reply = try await server.send("/v1/messages", body).json
    let prompt = String(decoding: server.generator.requests[0].prompt.map { UInt8($0.rawValue) }, as: UTF8.self)
    #expect(prompt == "<user>a<assistant>He")
    #expect(reply["stop_reason"] == "stop_sequence" && reply["stop_sequence"] == "!")
  }

  @Test func ollamaAnswersInLines() async throws {
    let server = try Self.server(Self.answer)
    let reply = try await server.send("/api/chat", Self.ollama)
    let lines = try reply.text.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
    #expect(lines.compactMap { $0["message"]?["content"]?.stringValue }.joined() == "Let me look.")
    #expect(lines.compactMap { $0["message"]?["thinking"]?.stringValue }.joined() == "Hm, é.")
    let calls = lines.compactMap { $0["message"]?["tool_calls"]?[0]?["function"] }
    #expect(calls.count == 1 && calls[0]["arguments"]?["city"]?.stringValue == "Zürich")
    #expect(lines.map { $0["done"]?.boolValue } == Array(repeating: false, count: lines.count - 1) + [true])
    #expect(lines.last?["eval_count"]?.intValue == Self.answer.utf8.count + 1)
    let whole = try await server.send("/api/chat", Self.with(Self.ollama, ["stream": false])).json
    #expect(whole["message"]?["content"]?.stringValue == "Let me look." && whole["done_reason"] == "stop")
    #expect(whole["created_at"] == "2023-11-14T22:13:20Z")
  }

  @Test func ollamaGeneratesAndTellsAboutItself() async throws {
    let server = try Self.server("abc")
    let body: JSONValue = ["model": "m", "prompt": "p", "system": "S", "stream": false, "options": ["num_predict": 2]]
    let reply = try await server.send("/api/generate", body).json
    #expect(reply["response"] == "ab")
    let raw = try await server.send("/api/generate", Self.with(body, ["raw": true])).json
    #expect(raw["prompt_eval_count"] == 1)
    #expect(try await server.send("/api/generate", ["model": "m"]).json["done_reason"] == "load")
    let entry = try await server.send("/api/tags", method: .get).json["models"]?[0]
    #expect(entry?["name"] == "test" && entry?["size"] == 1_000)
    #expect(entry?["details"]?["parameter_size"] == "1.50M" && entry?["details"]?["quantization_level"] == "BF16")
    #expect(try await server.send("/api/ps", method: .get).json["models"]?[0]?["context_length"] == 4096)
    #expect(try await server.send("/api/version", method: .get).json["version"] != nil)
    let show = try await server.send("/api/show", ["model": "test"]).json
    #expect(show["capabilities"] == ["completion", "tools", "thinking"])
    let missing = try await server.send("/api/show", ["model": "other"])
    #expect(missing.status == 404)
    #expect(try missing.json["error"]?.stringValue?.contains("other") == true)
    let faulty = try await server.send("/api/chat", Self.with(Self.ollama, ["think": 3]))
    #expect(faulty.status == 400 && faulty.text.contains("think"))
  }
}
