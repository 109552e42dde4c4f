import GRDB
import Hummingbird
import MartletCore
import MartletText
import Testing

@testable import MartletServer

/// The Responses API over a scripted engine.
@Suite struct ResponsesRouteTests {
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
  private static let tool: JSONValue = [
    "type": "function", "name": "get_weather",
    "parameters": ["type": "object", "properties": ["city": ["type": "string"]]],
  ]

  private static func server(_ text: String, options: HTTPOptions = HTTPOptions()) throws -> TestServer {
    try TestServer(
      ScriptedGenerator { request in Array(text.utf8.prefix(request.stop.maxTokens)).map { Int32($0) } + [257] },
      options: options,
      formats: AnswerFormats(tools: ToolFormat.named("qwen25"), reasoning: ReasoningFormat.named("qwen3")),
      template: template)
  }

  /// The events in short: type, place, and what they carry; ids by the order of their appearance.
  private static func trace(_ events: [JSONValue]) -> [String] {
    var ids: [String: Int] = [:]
    return events.map { event in
      var line = String((event["type"]?.stringValue ?? "").dropFirst("response.".count))
      if let index = event["output_index"]?.intValue { line += " \(index)" }
      if let id = event["item_id"]?.stringValue ?? event["item"]?["id"]?.stringValue {
        ids[id] = ids[id] ?? ids.count
        line += " #\(ids[id] ?? -1)"
      }
      if event["content_index"]?.intValue != nil { line += " part" }
      if let item = event["item"] { line += " \(item["type"]?.stringValue ?? "") \(item["status"]?.stringValue ?? "")" }
      if let status = event["response"]?["status"]?.stringValue { line += " \(status)" }
      return line
    }
  }

  @Test func theStreamIsTheGoldenTrace() async throws {
    let server = try Self.server(Self.answer)
    let reply = try await server.send("/v1/responses", ["input": "hi", "tools": [Self.tool], "stream": true])
    let events = try reply.data
    #expect(events.map { $0["sequence_number"]?.intValue } == events.indices.map { $0 })
    var trace = Self.trace(events)
    // Deltas come a byte at a time from the script; runs of them count as one.
    trace = zip(trace, ["", ""] + trace).enumerated().filter { $0.offset == 0 || trace[$0.offset - 1] != $0.element.0 }
      .map { $0.element.0 }
    #expect(
      trace == [
        "created in_progress", "in_progress in_progress",
        "output_item.added 0 #0 reasoning in_progress", "content_part.added 0 #0 part",
        "reasoning_text.delta 0 #0 part", "reasoning_text.done 0 #0 part", "content_part.done 0 #0 part",
        "output_item.done 0 #0 reasoning completed",
        "output_item.added 1 #1 message in_progress", "content_part.added 1 #1 part",
        "output_text.delta 1 #1 part", "output_text.done 1 #1 part", "content_part.done 1 #1 part",
        "output_item.done 1 #1 message completed",
        "output_item.added 2 #2 function_call in_progress", "function_call_arguments.delta 2 #2",
        "function_call_arguments.done 2 #2", "output_item.done 2 #2 function_call completed", "completed completed",
      ])
    #expect(reply.text.hasPrefix("event: response.created\ndata: {"))
  }

  /// The bytes of the stream, its ids numbered in the order of their appearance.
  @Test func theWireIsTheGoldenWire() async throws {
    let server = try TestServer(ScriptedGenerator { _ in [72, 105, 257] })
    var wire = try await server.send("/v1/responses", ["input": "x", "stream": true, "store": false]).text
    for (index, id) in wire.matches(of: #/(resp|msg)_[0-9a-f]{32}/#).map({ String($0.output.0) }).enumerated() {
      wire = wire.replacing(id, with: "\(id.prefix { $0 != "_" })#\(index)")
    }
    #expect(wire == Self.goldenWire)
  }

  @Test func deltasAddUpToTheStoredResponse() async throws {
    let server = try Self.server(Self.answer)
    let events = try await server.send("/v1/responses", ["input": "hi", "tools": [Self.tool], "stream": true]).data
    func joined(_ type: String) -> String {
      events.filter { $0["type"]?.stringValue == type }.map { $0["delta"]?.stringValue ?? "" }.joined()
    }
    let final = try #require(events.last?["response"]), id = try #require(final["id"]?.stringValue)
    let output = try #require(final["output"])
    #expect(output[0]?["content"]?[0]?["text"]?.stringValue == joined("response.reasoning_text.delta"))
    #expect(joined("response.reasoning_text.delta") == "Hm, é.")
    #expect(output[1]?["content"]?[0]?["text"]?.stringValue == joined("response.output_text.delta"))
    #expect(output[2]?["arguments"]?.stringValue == joined("response.function_call_arguments.delta"))
    #expect(output[2]?["name"] == "get_weather")
    let done = events.filter { $0["type"] == "response.output_item.done" }.compactMap { $0["item"] }
    #expect(JSONValue.array(done) == output)
    #expect(try await server.send("/v1/responses/\(id)", method: .get).json == final)
    let usage = try #require(final["usage"])
    #expect(usage["output_tokens"]?.intValue == Self.answer.utf8.count + 1)
    #expect((usage["output_tokens_details"]?["reasoning_tokens"]?.intValue ?? 0) > 0)
  }

  @Test func theSameConversationGivesTheChatsPrompt() async throws {
    let server = try Self.server("x")
    let responses: JSONValue = [
      "instructions": "S", "tools": [Self.tool],
      "input": [
        ["role": "user", "content": "hi"],
        ["type": "reasoning", "id": "rs_1", "summary": [], "content": [["type": "reasoning_text", "text": "t"]]],
        ["type": "message", "role": "assistant", "content": [["type": "output_text", "text": "ok"]]],
        ["type": "function_call", "call_id": "c", "name": "get_weather", "arguments": "{\"city\": \"Rome\"}"],
        ["type": "function_call_output", "call_id": "c", "output": "31"],
        ["role": "user", "content": [["type": "input_text", "text": "and?"]]],
      ],
    ]
    let chat: JSONValue = [
      "tools": [
        ["type": "function", "function": ["name": "get_weather", "parameters": Self.tool["parameters"] ?? .null]]
      ],
      "messages": [
        ["role": "system", "content": "S"], ["role": "user", "content": "hi"],
        [
          "role": "assistant", "content": "ok", "reasoning_content": "t",
          "tool_calls": [
            ["id": "c", "type": "function", "function": ["name": "get_weather", "arguments": "{\"city\": \"Rome\"}"]]
          ],
        ],
        ["role": "tool", "tool_call_id": "c", "content": "31"], ["role": "user", "content": "and?"],
      ],
    ]
    #expect(try await server.send("/v1/responses", responses).status == 200)
    #expect(try await server.send("/v1/chat/completions", chat).status == 200)
    let requests = server.generator.requests
    #expect(requests.count == 2 && requests[0].prompt == requests[1].prompt)
  }

  @Test func aPreviousResponseBringsItsItems() async throws {
    let server = try Self.server("ok")
    let first = try await server.send("/v1/responses", ["input": "hi", "instructions": "S"]).json
    let id = try #require(first["id"]?.stringValue)
    let second = try await server.send("/v1/responses", ["input": "and?", "previous_response_id": .string(id)]).json
    let prompt = try #require(server.generator.requests.last?.prompt)
    #expect(
      String(decoding: prompt.map { UInt8(truncatingIfNeeded: $0.rawValue) }, as: UTF8.self)
        == "<user>hi<assistant>ok<user>and?<assistant>", "instructions are not carried over")
    let items = try await server.send(
      "/v1/responses/\(second["id"]?.stringValue ?? "")/input_items?order=asc&limit=2", method: .get
    ).json
    #expect(items["data"]?.arrayValue?.map { $0["role"]?.stringValue } == ["user", "assistant"])
    #expect(items["has_more"] == true)
  }

  @Test func aLimitMakesTheResponseIncomplete() async throws {
    let server = try TestServer(ScriptedGenerator(text: "a long answer"))
    let body: JSONValue = ["input": "hi", "max_output_tokens": 4]
    let response = try await server.send("/v1/responses", body).json
    #expect(response["status"] == "incomplete" && response["max_output_tokens"] == 4)
    #expect(server.generator.requests.first?.stop.maxTokens == 4)
    #expect(response["incomplete_details"]?["reason"] == "max_output_tokens")
    #expect(response["output"]?[0]?["status"] == "incomplete")
  }

  @Test(arguments: [
    (#"{"input": "x", "tools": [{"type": "file_search"}]}"#, "file_search"), (#"{"input": []}"#, "input"),
    (#"{}"#, "input"), (#"{"input": "x", "conversation": "c"}"#, "conversation"), (#"{"input": [3]}"#, "input[0]"),
    (#"{"input": [{"type": "computer_call"}]}"#, "computer_call"),
    (#"{"input": "x", "truncation": "auto"}"#, "truncation"),
    (#"{"input": [{"role": "user", "content": [{"type": "input_image"}]}]}"#, "input_image"),
    (#"{"input": "x", "tool_choice": {"type": "mcp"}}"#, "tool_choice"),
    (
      #"{"input": "x", "tools": [{"type": "function", "name": "f", "strict": true, "#
        + #""parameters": {"properties": {"a": {"pattern": "("}}}}]}"#, "tools[0].parameters"
    ),
    (#"{"input": "x", "metadata": {"a": 1}}"#, "metadata"),
    (#"{"input": "x", "background": true, "store": false}"#, "background"),
  ])
  func refusalsNameWhatIsNotSupported(body: String, named: String) async throws {
    let reply = try await Self.server("x").send("/v1/responses", bytes: Array(body.utf8))
    #expect(reply.status == 400)
    #expect(reply.text.contains(named))
  }

  @Test func anotherKeysResponseIsUnknown() async throws {
    var options = HTTPOptions()
    options.apiKey = "one"
    options.adminAPIKey = "two"
    let server = try Self.server("ok", options: options)
    let one: HTTPFields = [.authorization: "Bearer one"], two: HTTPFields = [.authorization: "Bearer two"]
    let made = try await server.send("/v1/responses", ["input": "hi"], headers: one).json
    let path = "/v1/responses/\(made["id"]?.stringValue ?? "")"
    #expect(try await server.send(path, method: .get, headers: two).status == 404)
    #expect(try await server.send(path, method: .delete, headers: two).status == 404)
    #expect(try await server.send(path + "/cancel", headers: two).status == 404)
    #expect(try await server.send(path + "/input_items", method: .get, headers: two).status == 404)
    #expect(try await server.send(path, method: .get, headers: one).status == 200)
    #expect(try await server.send(path, method: .delete, headers: one).status == 200)
    #expect(try await server.send(path, method: .get, headers: one).status == 404)
  }

  @Test func aBackgroundResponseIsCancelledWithoutItsClient() async throws {
    let server = try TestServer(ScriptedGenerator { _ in nil })
    let made = try await server.send("/v1/responses", ["input": "hi", "background": true]).json
    #expect(made["status"] == "queued")
    let path = "/v1/responses/\(made["id"]?.stringValue ?? "")"
    #expect(try await server.send(path, method: .get).json["status"] == "in_progress")
    #expect(try await server.send(path + "/cancel").json["status"] == "cancelled")
    #expect(try await server.send(path, method: .get).json["status"] == "cancelled")
    #expect(server.generator.openCount == 0)
    let events = try await server.send(path + "?stream=true&starting_after=0", method: .get).data
    #expect(events.first?["sequence_number"] == 1)
    #expect(events.last?["type"] == "response.cancelled" && events.last?["response"]?["status"] == "cancelled")
  }

  @Test func aStoreThatFailsFailsTheResponse() async throws {
    let server = try Self.server("ok")
    try server.server.state.database.write { try $0.execute(sql: "DROP TABLE response") }
    let reply = try await server.send("/v1/responses", ["input": "hi", "stream": true])
    let last = try reply.data.last
    #expect(last?["type"] == "response.failed" && last?["response"]?["error"]?["code"] == "server_error")
    #expect(last?["sequence_number"]?.intValue == (try reply.data.count) - 1)
    #expect(try await server.send("/v1/responses", ["input": "hi"]).status == 500)
  }
}
