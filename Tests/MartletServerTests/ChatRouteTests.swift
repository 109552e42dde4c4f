import Hummingbird
import MartletCore
import MartletText
import Testing

@testable import MartletServer

/// What the chat endpoint makes of answers with calls and reasoning, whole and streamed.
@Suite struct ChatRouteTests {
  private static let tool: JSONValue = [
    "type": "function",
    "function": [
      "name": "get_weather", "strict": true,
      "parameters": ["type": "object", "properties": ["city": ["type": "string"]]],
    ],
  ]
  private static let other: JSONValue = ["type": "function", "function": ["name": "ping"]]

  private static func body(_ extra: JSONObject = [:], stream: Bool = false) -> JSONValue {
    var body: JSONObject = [
      "messages": [["role": "user", "content": "hello"]], "tools": [tool, other], "max_tokens": 2000,
      "stream": .bool(stream),
    ]
    for (key, value) in extra.members { body[key] = value }
    return .object(body)
  }

  private static func server(
    _ text: String, tools: String? = "qwen25", reasoning: String? = nil, template: String? = nil
  ) throws -> TestServer {
    try TestServer(
      ScriptedGenerator { request in Array(text.utf8.prefix(request.stop.maxTokens)).map { Int32($0) } + [257] },
      formats: AnswerFormats(
        tools: tools.flatMap { ToolFormat.named($0) }, reasoning: reasoning.flatMap { ReasoningFormat.named($0) }),
      template: template)
  }

  private static let answer = """
    <think>
    Hm, é.
    </think>

    Let me look.
    <tool_call>
    {"name": "get_weather", "arguments": {"city": "Zürich"}}
    </tool_call>
    <tool_call>
    {"name": "ping", "arguments": {}}
    </tool_call>
    """

  @Test func aPredictionGoesToTheEngineAndIsAccountedFor() async throws {
    var usage = GenerationUsage()
    usage.acceptedPredictionTokens = 2
    usage.rejectedPredictionTokens = 1
    let server = try TestServer(ScriptedGenerator(usage: usage) { _ in [97, 98, 257] })
    let messages: JSONValue = [["role": "user", "content": "x"]]
    for content in ["ab", [["type": "text", "text": "a"], ["type": "text", "text": "b"]]] as [JSONValue] {
      let body: JSONValue = ["messages": messages, "prediction": ["type": "content", "content": content]]
      let details = try await server.send("/v1/chat/completions", body).json["usage"]?["completion_tokens_details"]
      #expect(details?["accepted_prediction_tokens"] == 2 && details?["rejected_prediction_tokens"] == 1)
    }
    #expect(server.generator.requests.map(\.prediction) == Array(repeating: [TokenID(97), TokenID(98)], count: 2))
    let plain = try await server.send("/v1/chat/completions", ["messages": messages]).json["usage"]
    #expect(plain?["completion_tokens_details"]?["accepted_prediction_tokens"] == nil)
    let faulty: JSONValue = ["messages": messages, "prediction": ["type": "content", "content": 7]]
    let refused = try await server.send("/v1/chat/completions", faulty)
    #expect(refused.status == 400 && refused.text.contains("prediction.content"))
  }

  @Test func wholeAnswersHaveCallsAndReasoning() async throws {
    let server = try Self.server(Self.answer, reasoning: "qwen3")
    let reply = try await server.send("/v1/chat/completions", Self.body()).json
    let choice = reply["choices"]?[0], message = choice?["message"]
    #expect(message?["content"]?.stringValue == "Let me look.")
    #expect(message?["reasoning_content"]?.stringValue == "Hm, é.")
    #expect(choice?["finish_reason"]?.stringValue == "tool_calls")
    #expect(choice?["matched_stop"]?.isNull == true)
    let calls = message?["tool_calls"]
    #expect(calls?[0]?["function"]?["name"]?.stringValue == "get_weather")
    #expect(calls?[0]?["function"]?["arguments"]?.stringValue == "{\"city\": \"Zürich\"}")
    #expect(calls?[1]?["function"]?["arguments"]?.stringValue == "{}")
    #expect(calls?[0]?["id"]?.stringValue?.hasPrefix("call_") == true)
    #expect(calls?[0]?["id"] != calls?[1]?["id"])
    // Every byte is a token here: those of the tags and of what is between them.
    let reasoning = "<think>\nHm, é.\n</think>".utf8.count
    #expect(reply["usage"]?["completion_tokens_details"]?["reasoning_tokens"]?.intValue == reasoning)
    #expect(reply["system_fingerprint"]?.stringValue?.hasPrefix("fp_") == true)
  }

  @Test func streamedDeltasAddUpToTheWholeAnswer() async throws {
    let server = try Self.server(Self.answer, reasoning: "qwen3")
    let events = try await server.send("/v1/chat/completions", Self.body(stream: true)).events
    var content = "", reasoning = "", arguments: [Int: String] = [:], names: [String] = []
    for delta in events.compactMap({ $0["choices"]?[0]?["delta"] }) {
      content += delta["content"]?.stringValue ?? ""
      reasoning += delta["reasoning_content"]?.stringValue ?? ""
      for call in delta["tool_calls"]?.arrayValue ?? [] {
        let index = try #require(call["index"]?.intValue)
        if let name = call["function"]?["name"]?.stringValue {
          #expect(call["id"]?.stringValue?.isEmpty == false && call["type"]?.stringValue == "function")
          #expect(call["function"]?["arguments"]?.stringValue == "" && index == names.count)
          names.append(name)
        } else {
          #expect(call["id"] == nil && call["type"] == nil && index == names.count - 1)
        }
        arguments[index, default: ""] += call["function"]?["arguments"]?.stringValue ?? ""
      }
    }
    #expect(content == "Let me look." && reasoning == "Hm, é." && names == ["get_weather", "ping"])
    #expect(arguments == [0: "{\"city\": \"Zürich\"}", 1: "{}"])
    #expect(events.compactMap { $0["choices"]?[0]?["finish_reason"]?.stringValue } == ["tool_calls"])
    // Arguments come in pieces: the model wrote a byte at a time.
    #expect(events.count { $0["choices"]?[0]?["delta"]?["tool_calls"] != nil } > 10)
  }

  @Test(
    arguments: [
      ["max_thinking_tokens": 3], ["custom_params": ["thinking_budget": 3]], ["thinking": ["budget_tokens": 3]],
      ["reasoning": ["max_tokens": 3]],
    ] as [JSONObject]) func reasoningEndsWithItsBudget(field: JSONObject) async throws
  {
    var body: JSONObject = ["messages": [["role": "user", "content": "?"]], "max_tokens": 40]
    for (key, value) in field.members { body[key] = value }
    let formats = AnswerFormats(tools: nil, reasoning: ReasoningFormat.named("qwen3"))
    let server = try TestServer(ScriptedGenerator(obedient: "<think>abcdef"), formats: formats)
    let reply = try await server.send("/v1/chat/completions", .object(body)).json
    #expect(reply["choices"]?[0]?["message"]?["reasoning_content"]?.stringValue == "abc")
    #expect(reply["choices"]?[0]?["message"]?["content"]?.stringValue == "def")
    let reasoning = "<think>abc\n</think>".utf8.count
    #expect(reply["usage"]?["completion_tokens_details"]?["reasoning_tokens"]?.intValue == reasoning)
    // A model that does not reason keeps a budget that clients always send, and tells of others.
    let plain = try TestServer(ScriptedGenerator(text: "abc"))
    #expect(
      try await plain.send("/v1/chat/completions", .object(body)).status == (field["thinking"] == nil ? 400 : 200))
    body = field
    body["prompt"] = "Q: ?<think>"
    body["max_tokens"] = 40
    let completion = try await TestServer(ScriptedGenerator(obedient: "abcdef"), formats: formats)
      .send("/v1/completions", .object(body)).json
    #expect(completion["choices"]?[0]?["text"]?.stringValue == "abc\n</think>\n\ndef")
    var sampling = field
    sampling["max_new_tokens"] = 40
    let native = try await TestServer(ScriptedGenerator(obedient: "abcdef"), formats: formats)
      .send("/generate", ["text": "<think>\n", "sampling_params": .object(sampling)]).json
    #expect(native["text"]?.stringValue == "abc\n</think>\n\ndef")
  }

  @Test func contentIsNullBesideCallsAlone() async throws {
    let server = try Self.server("<tool_call>{\"name\": \"ping\"}</tool_call>")
    let message = try await server.send("/v1/chat/completions", Self.body()).json["choices"]?[0]?["message"]
    #expect(message?["content"]?.isNull == true)
    #expect(message?["tool_calls"]?.arrayValue?.count == 1)
  }

  @Test func withoutToolsCallsStayText() async throws {
    let text = "<tool_call>{\"name\": \"ping\"}</tool_call>"
    let server = try Self.server(text)
    for extra: JSONObject in [["tools": .null], ["tool_choice": "none"]] {
      let choice = try await server.send("/v1/chat/completions", Self.body(extra)).json["choices"]?[0]
      #expect(choice?["message"]?["content"]?.stringValue == text)
      #expect(choice?["finish_reason"]?.stringValue == "stop")
    }
  }

  @Test func oneCallEndsTheAnswerWhenCallsMayNotBeParallel() async throws {
    let server = try Self.server(Self.answer)
    for stream in [false, true] {
      let reply = try await server.send(
        "/v1/chat/completions", Self.body(["parallel_tool_calls": false], stream: stream))
      #expect(reply.text.contains("get_weather") && !reply.text.contains("ping"))
      #expect(reply.text.contains("\"finish_reason\":\"tool_calls\""))
    }
  }

  @Test func aNamedCallIsBegunForTheModel() async throws {
    let server = try Self.server(" {\"city\": \"Rome\"}}\n</tool_call>")
    let choice: JSONValue = ["type": "function", "function": ["name": "get_weather"]]
    let reply = try await server.send("/v1/chat/completions", Self.body(["tool_choice": choice])).json
    let call = reply["choices"]?[0]?["message"]?["tool_calls"]?[0]?["function"]
    #expect(call?["name"]?.stringValue == "get_weather")
    #expect(call?["arguments"]?.stringValue == "{\"city\": \"Rome\"}")
    let prompt = String(decoding: server.generator.requests[0].prompt.map { UInt8($0.rawValue) }, as: UTF8.self)
    #expect(prompt.hasSuffix("assistant:<tool_call>\n{\"name\": \"get_weather\", \"arguments\":"))
    #expect(prompt.contains("[1 tools]"))
  }

  @Test func aRequiredCallEndsReasoningThatThePromptOpens() async throws {
    let server = try Self.server(
      "ping\", \"arguments\": {}}\n</tool_call>", reasoning: "qwen3", template: "assistant:<think>")
    let reply = try await server.send("/v1/chat/completions", Self.body(["tool_choice": "required"])).json
    #expect(reply["choices"]?[0]?["message"]?["tool_calls"]?[0]?["function"]?["name"]?.stringValue == "ping")
    #expect(reply["usage"]?["reasoning_tokens"]?.intValue == 0)
    let prompt = String(decoding: server.generator.requests[0].prompt.map { UInt8($0.rawValue) }, as: UTF8.self)
    #expect(prompt == "assistant:<think></think>\n\n<tool_call>\n{\"name\": \"")
  }

  @Test func strictFunctionsConstrainTheAnswer() async throws {
    let server = try Self.server("x")
    _ = try await server.send("/v1/chat/completions", Self.body())
    #expect(server.generator.requests.last?.constraint != nil)
    let loose: JSONValue = ["type": "function", "function": ["name": "ping", "strict": false]]
    _ = try await server.send("/v1/chat/completions", Self.body(["tools": [loose]]))
    #expect(server.generator.requests.last?.constraint == nil)
    _ = try await server.send("/v1/chat/completions", Self.body(["tools": [loose], "tool_choice": "required"]))
    #expect(server.generator.requests.last?.constraint != nil)
  }

  @Test func strictSchemasThatCannotBeEnforcedAreRefused() async throws {
    let server = try Self.server("x")
    let schema: JSONValue = ["type": "object", "properties": ["a": ["type": "string", "pattern": "(a)\\1"]]]
    for isStrict in [true, false] {
      let function: JSONValue = ["name": "f", "strict": .bool(isStrict), "parameters": schema]
      let tools: JSONValue = [Self.other, ["type": "function", "function": function]]
      let choice: JSONValue = ["type": "function", "function": ["name": "f"]]
      for extra in [["tools": tools], ["tools": tools, "tool_choice": choice]] as [JSONObject] {
        let reply = try await server.send("/v1/chat/completions", Self.body(extra))
        #expect(reply.status == (isStrict ? 400 : 200))
        guard isStrict else { continue }
        #expect(reply.text.contains("tools[1].function.parameters") && reply.text.contains("#/properties/a"))
      }
    }
  }

  @Test func strictFunctionsNeedAFormat() async throws {
    let server = try Self.server("x", tools: nil)
    let tools: JSONValue = [Self.other, Self.tool]
    let reply = try await server.send("/v1/chat/completions", Self.body(["tools": tools]))
    #expect(reply.status == 400 && reply.text.contains("tools[1].function.strict"))
    #expect(reply.text.contains("--tool-call-parser"))
    let loose = try await server.send("/v1/chat/completions", Self.body(["tools": [Self.other]]))
    #expect(loose.status == 200)
    let unused = try await server.send("/v1/chat/completions", Self.body(["tool_choice": "none"]))
    #expect(unused.status == 200)
  }

  @Test func strictFunctionsNeedABeginningThatTheServerWrites() async throws {
    let server = try Self.server("x")
    let rendered: JSONObject = ["input_ids": [120, 121], "tool_choice": "required"]
    let reply = try await server.send("/v1/chat/completions", Self.body(rendered))
    #expect(reply.status == 400 && reply.text.contains("tools[0].function.strict"))
    #expect(reply.text.contains("input_ids"))
  }

  @Test func choicesThatCannotBeKeptAreRefused() async throws {
    let unknown = try Self.server("x", tools: nil)
    let refused = try await unknown.send("/v1/chat/completions", Self.body(["tool_choice": "required"]))
    #expect(refused.status == 400 && refused.text.contains("--tool-call-parser"))
    let server = try Self.server("x")
    for choice: JSONValue in ["sometimes", ["function": ["name": "launch"]], 3] {
      let reply = try await server.send("/v1/chat/completions", Self.body(["tool_choice": choice]))
      #expect(reply.status == 400 && reply.text.contains("tool_choice"))
    }
    for tools: JSONValue in [[["type": "function"]], [["type": "web_search"]], [3]] {
      let reply = try await server.send("/v1/chat/completions", Self.body(["tools": tools]))
      #expect(reply.status == 400 && reply.text.contains("tools[0]"))
    }
  }

  @Test func reasoningCanStayInTheContentOrComeAtOnce() async throws {
    let server = try Self.server("<think>\nHm.\n</think>\n\nYes.", tools: nil, reasoning: "qwen3")
    let raw = try await server.send("/v1/chat/completions", Self.body(["separate_reasoning": false, "tools": []])).json
    #expect(raw["choices"]?[0]?["message"]?["content"]?.stringValue == "<think>\nHm.\n</think>\n\nYes.")
    let body = Self.body(["stream_reasoning": false, "tools": []], stream: true)
    let events = try await server.send("/v1/chat/completions", body).events
    let pieces = events.compactMap { $0["choices"]?[0]?["delta"]?["reasoning_content"]?.stringValue }
    #expect(pieces == ["Hm."])
  }

  @Test func switchesReachTheTemplate() async throws {
    let template = "{{ enable_thinking }} {{ thinking }} {{ reasoning_effort }}"
    let cases: [(JSONObject, String)] = [
      (["reasoning_effort": "none"], "False False none"), (["reasoning_effort": "high"], "True True high"),
      (["thinking": ["type": "disabled"]], "False False "), (["reasoning": ["enabled": true]], "True True "),
      (["reasoning_effort": "low", "chat_template_kwargs": ["enable_thinking": false]], "False True low"), ([:], "  "),
    ]
    for (extra, wanted) in cases {
      let server = try Self.server("x", template: template)
      _ = try await server.send("/v1/chat/completions", Self.body(extra))
      let prompt = String(decoding: server.generator.requests[0].prompt.map { UInt8($0.rawValue) }, as: UTF8.self)
      #expect(prompt == wanted)
    }
  }

  @Test func earlierCallsReachTheTemplateAsObjects() async throws {
    let template = """
      {% for m in messages %}{{ m.role }}={{ m.content }};{% if 'tool_calls' in m %}{% for c in m.tool_calls %}\
      {{ c.function.name }}:{{ c.function.arguments | tojson }};{% endfor %}{% endif %}{% endfor %}
      """
    let call: JSONValue = [
      "id": "call_1", "type": "function", "function": ["name": "f", "arguments": "{\"a\": [1]}"],
    ]
    let messages: JSONValue = [
      ["role": "developer", "content": [["type": "text", "text": "S"]]],
      ["role": "user", "name": "Ann", "content": "hi"],
      ["role": "assistant", "content": .null, "tool_calls": [call]],
      ["role": "tool", "tool_call_id": "call_1", "content": "42"],
      ["role": "assistant", "content": .null, "refusal": "No.", "tool_calls": .null],
      ["role": "assistant", "content": "x", "tool_calls": []],
    ]
    let server = try Self.server("x", template: template)
    _ = try await server.send("/v1/chat/completions", Self.body(["messages": messages]))
    let prompt = String(decoding: server.generator.requests[0].prompt.map { UInt8($0.rawValue) }, as: UTF8.self)
    #expect(prompt == "system=S;user=hi;assistant=;f:{\"a\": [1]};tool=42;assistant=No.;assistant=x;")
    let bad: JSONValue = [["role": "assistant", "tool_calls": [["function": [:]]]]]
    let reply = try await server.send("/v1/chat/completions", Self.body(["messages": bad]))
    #expect(reply.status == 400 && reply.text.contains("messages[0].tool_calls[0].function.name"))
  }

  @Test(arguments: [1, 2]) func anAnswerThatItsTextEndsHasTheEnginesFigures(n: Int) async throws {
    var usage = GenerationUsage()
    usage.cachedTokens = 3
    usage.queueNanoseconds = 1_000_000
    usage.firstTokenNanoseconds = 3_000_000
    usage.totalNanoseconds = 10_000_000
    let server = try TestServer(ScriptedGenerator(usage: usage) { _ in Array("one END two".utf8).map { Int32($0) } })
    for stream in [false, true] {
      let extra: JSONObject = [
        "tools": [], "stop": "END", "n": .int(Int64(n)), "timing": true,
        "stream_options": stream ? ["include_usage": true] : .null,
      ]
      let reply = try await server.send("/v1/chat/completions", Self.body(extra, stream: stream))
      let events = stream ? try reply.events : [try reply.json]
      let cached = events.compactMap { $0["usage"]?["prompt_tokens_details"]?["cached_tokens"]?.intValue }
      #expect(cached == [3])
      let timings = events.flatMap { $0["choices"]?.arrayValue ?? [] }.compactMap { $0["timing"] }
      #expect(timings.count == n)
      for timing in timings {
        let phases = ["prepare_ms", "queue_ms", "prefill_ms", "decode_ms"].compactMap { timing[$0]?.doubleValue }
        #expect(abs(phases.reduce(0, +) - (timing["total_ms"]?.doubleValue ?? 0)) < 1e-6 && phases.count == 4)
        #expect(timing["queue_ms"] == 1.0 && timing["prefill_ms"] == 2.0 && timing["decode_ms"] == 7.0)
      }
    }
    #expect(server.generator.openCount == 0)
  }

  @Test func aHeaderAsksForTheTimesAndTheFieldGoesFirst() async throws {
    let name = try #require(HTTPFields.Element.Name("Martlet-Timing"))
    let server = try TestServer(ScriptedGenerator(text: "hi"))
    for (value, extra, isTold) in [
      ("true", ["tools": []], true), ("True", ["tools": [], "timing": true], true),
      ("true", ["tools": [], "timing": false], false), ("0", ["tools": []], false),
    ] as [(String, JSONObject, Bool)] {
      let headers: HTTPFields = [name: value]
      let reply = try await server.send("/v1/chat/completions", Self.body(extra, stream: false), headers: headers)
      #expect(try (reply.json["choices"]?[0]?["timing"] != nil) == isTold, "\(value): \(reply.text)")
    }
  }

  @Test func aPrefixMessageIsContinued() async throws {
    let server = try Self.server("!")
    let messages: JSONValue = [
      ["role": "user", "content": "a"], ["role": "assistant", "content": "Hello", "prefix": true],
    ]
    let body: JSONValue = ["messages": messages, "max_tokens": 9]
    let reply = try await server.send("/v1/chat/completions", body).json
    #expect(reply["choices"]?[0]?["message"]?["content"]?.stringValue == "!")
    let prompt = String(decoding: server.generator.requests[0].prompt.map { UInt8($0.rawValue) }, as: UTF8.self)
    #expect(prompt == "user: a\nassistant:Hello")
  }

  @Test func theParsersCanBeCalledAlone() async throws {
    let server = try Self.server("x", tools: nil)
    let reasoning = try await server.send(
      "/separate_reasoning", ["text": "<think>a</think>b", "reasoning_parser": "deepseek-r1"])
    #expect(try reasoning.json["reasoning_text"]?.stringValue == "a")
    #expect(try reasoning.json["text"]?.stringValue == "b")
    let body: JSONValue = [
      "text": "[get_weather(city='Rome')]", "tools": [Self.tool], "tool_call_parser": "pythonic",
    ]
    let calls = try await server.send("/parse_function_call", body).json["calls"]
    #expect(calls?[0]?["name"]?.stringValue == "get_weather")
    #expect(calls?[0]?["parameters"]?.stringValue == "{\"city\": \"Rome\"}")
    let unknown = try await server.send("/parse_function_call", ["text": "x", "tool_call_parser": "nope"])
    #expect(unknown.status == 400 && unknown.text.contains("tool_call_parser"))
  }
}
