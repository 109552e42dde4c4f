import MartletCore
import MartletText
import Testing

@testable import MartletServer

/// `functions` and `function_call`, from before there were tools.
@Suite struct FormerFunctionsTests {
  private static let function: JSONValue = [
    "name": "get_weather", "parameters": ["type": "object", "properties": ["city": ["type": "string"]]],
  ]
  private static let answer = """
    Let me look.
    <tool_call>
    {"name": "get_weather", "arguments": {"city": "Zürich"}}
    </tool_call>
    <tool_call>
    {"name": "get_weather", "arguments": {"city": "Rome"}}
    </tool_call>
    """
  private static let template = """
    {%- for m in messages %}<{{ m.role }}>{{ m.content }}{% for c in m.tool_calls or [] %}[{{ c.function.name }} \
    {{ c.function.arguments | tojson }}]{% endfor %}{% endfor %}{% for t in tools or [] %}{{ t.function.name }};\
    {% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}
    """

  private static func server(_ text: String = answer) throws -> TestServer {
    try TestServer(
      ScriptedGenerator { request in Array(text.utf8.prefix(request.stop.maxTokens)).map { Int32($0) } + [257] },
      formats: AnswerFormats(tools: ToolFormat.named("qwen25")), template: template)
  }

  private static func body(_ extra: JSONObject = [:]) -> JSONValue {
    let base: JSONObject = ["messages": [["role": "user", "content": "hi"]], "functions": [function]]
    return .object(JSONObject(base.members + extra.members))
  }

  @Test func aCallIsTheMessagesFunctionCall() async throws {
    let choice = try await Self.server().send("/v1/chat/completions", Self.body()).json["choices"]?[0]
    #expect(choice?["finish_reason"] == "function_call")
    #expect(choice?["message"]?["content"] == "Let me look." && choice?["message"]?["tool_calls"] == nil)
    #expect(choice?["message"]?["function_call"] == ["name": "get_weather", "arguments": "{\"city\": \"Zürich\"}"])
  }

  @Test func streamedPiecesJoinToTheWholeCall() async throws {
    let events = try await Self.server().send("/v1/chat/completions", Self.body(["stream": true])).events
    let calls = events.compactMap { $0["choices"]?[0]?["delta"]?["function_call"] }
    #expect(calls.compactMap { $0["name"]?.stringValue } == ["get_weather"])
    #expect(calls.compactMap { $0["arguments"]?.stringValue }.joined() == "{\"city\": \"Zürich\"}")
    #expect(events.last?["choices"]?[0]?["finish_reason"] == "function_call")
    #expect(!events.contains { $0["choices"]?[0]?["delta"]?["tool_calls"] != nil })
  }

  @Test func earlierCallsAndResultsAreThoseOfTools() async throws {
    let server = try Self.server("ok")
    let messages: JSONValue = [
      ["role": "user", "content": "hi"],
      [
        "role": "assistant", "content": .null,
        "function_call": ["name": "get_weather", "arguments": "{\"city\": \"Rome\"}"],
      ],
      ["role": "function", "name": "get_weather", "content": "31"],
    ]
    let reply = try await server.send("/v1/chat/completions", Self.body(["messages": messages]))
    #expect(reply.status == 200, "\(reply.text)")
    let prompt = String(decoding: server.generator.requests[0].prompt.map { UInt8($0.rawValue) }, as: UTF8.self)
    #expect(prompt == "<user>hi<assistant>[get_weather {\"city\": \"Rome\"}]<tool>31get_weather;<assistant>")
  }

  @Test func olderMessagesBesideToolsDoNotChangeTheAnswer() async throws {
    let messages: JSONValue = [
      ["role": "user", "content": "hi"], ["role": "assistant", "function_call": ["name": "f", "arguments": "{}"]],
      ["role": "function", "name": "f", "content": "31"], ["role": "user", "content": "and?"],
    ]
    let tools: JSONValue = [["type": "function", "function": Self.function]]
    let server = try Self.server()
    let reply = try await server.send("/v1/chat/completions", ["messages": messages, "tools": tools]).json
    #expect(reply["choices"]?[0]?["finish_reason"] == "tool_calls")
    #expect(reply["choices"]?[0]?["message"]?["tool_calls"]?[1]?["function"]?["name"] == "get_weather")
    let tokens = try await server.send("/tokenize", ["messages": messages, "tools": tools]).json["tokens"]
    #expect(tokens == .array(server.generator.requests[0].prompt.map { .int(Int64($0.rawValue)) }))
  }

  @Test func aNamedFunctionMustBeCalledAndNoneMayNot() async throws {
    let server = try Self.server("{\"city\": \"Rome\"}}\n</tool_call>")
    let named = Self.body(["function_call": ["name": "get_weather"]])
    let choice = try await server.send("/v1/chat/completions", named).json["choices"]?[0]
    #expect(choice?["message"]?["function_call"]?["name"] == "get_weather")
    _ = try await server.send("/v1/chat/completions", Self.body(["function_call": "none"]))
    let prompts = server.generator.requests.map { request in
      String(decoding: request.prompt.map { UInt8($0.rawValue) }, as: UTF8.self)
    }
    #expect(prompts[0].contains("<tool_call>") && !prompts[1].contains("get_weather"))
  }

  @Test(arguments: [
    (#"{"functions": [{"description": "x"}]}"#, "functions[0].name"),
    (#"{"functions": [{"name": "f", "parameters": 3}]}"#, "functions[0].parameters"),
    (#"{"functions": [{"name": "f"}], "tools": []}"#, "functions"),
    (#"{"functions": [{"name": "f"}], "function_call": {"name": 1}}"#, "function_call.name"),
    (#"{"function_call": "required"}"#, "function_call"), (#"{"functions": {}}"#, "functions"),
    (#"{"messages": [{"role": "function", "content": "x"}]}"#, "messages[0].name"),
    (#"{"messages": [{"role": "assistant", "function_call": {}}]}"#, "messages[0].function_call.name"),
  ])
  func faultsNameTheFormerFields(extra: String, field: String) async throws {
    let messages: JSONObject = ["messages": [["role": "user", "content": "x"]]]
    let members = try JSONValue(parsing: extra).objectValue?.members ?? []
    let reply = try await Self.server().send("/v1/chat/completions", .object(JSONObject(messages.members + members)))
    #expect(reply.status == 400 && reply.text.contains("\"\(field) "), "\(reply.text)")
  }
}
