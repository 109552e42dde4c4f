import Testing

@testable import MartletText

/// Long values that arrive a character at a time: the work grows with the text, not with its square.
@Suite struct LongAnswerTests {
  @Test(.timeLimit(.minutes(1)), arguments: ["qwen3_coder", "qwen25", "pythonic"])
  func longValuesAreReadInPassing(name: String) {
    let items = "[" + String(repeating: "\"x\", ", count: 40_000) + "1]"
    let texts = [
      "qwen3_coder": "<tool_call><function=f><parameter=list>\(items)</parameter></function></tool_call>",
      "qwen25": "<tool_call>{\"name\": \"f\", \"arguments\": {\"list\": \(items)}}</tool_call>",
      "pythonic": "[f(list=\(items))]",
    ]
    let tool: JSONValue = [
      "function": ["name": "f", "parameters": ["properties": ["list": ["type": "array"]]]]
    ]
    var options = ResponseParser.Options()
    options.tools = ToolFormat.named(name)
    options.declarations = ToolDeclarations([tool])
    var parser = ResponseParser(options), response = ParsedResponse()
    for character in texts[name] ?? "" {
      for delta in parser.append(String(character)) { response.append(delta) }
    }
    for delta in parser.finish() { response.append(delta) }
    let arguments = try? JSONValue(parsing: response.calls.first?.arguments ?? "")
    #expect(arguments?["list"]?.arrayValue?.count == 40_001)
    #expect(response.content.isEmpty)
  }
}
