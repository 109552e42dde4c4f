extension ToolFormat {
  /// Hermes, Qwen 2.5 and 3: `<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call>`, repeated.
  static let hermes = ToolFormat(
    "qwen25",
    json: JSONCallGrammar(
      openers: ["<tool_call>"], first: [.object(TextPattern([.literal("<tool_call>")]))],
      next: [.object(TextPattern([]))], closers: ["</tool_call>"]),
    syntax: CallSyntax(
      beforeName: "<tool_call>\n{\"name\": \"", behindName: "\", \"arguments\":", ending: "}\n</tool_call>",
      next: "}\n</tool_call>\n<tool_call>\n{\"name\": \""))
}
