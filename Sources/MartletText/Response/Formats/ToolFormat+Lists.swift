/// Formats of a tag around a JSON list of `{"name", "arguments"}`.
extension ToolFormat {
  private static func list(
    _ name: String, openers: [String], closers: [String] = [], argumentsKey: String = "arguments",
    nameKey: String = "name", spacing: String = "", isBare: Bool = false
  ) -> ToolFormat {
    let lead: [TextPattern.Part] = [.oneOf(openers), .whitespace, .optional("["), .whitespace]
    return ToolFormat(
      name,
      json: JSONCallGrammar(
        openers: openers, first: [.object(TextPattern(lead))], next: [.object(TextPattern([.whitespace]))],
        separators: [","] + (closers.isEmpty ? [] : ["]"]), closers: closers.isEmpty ? ["]"] : closers),
      syntax: openers.first.map {
        CallSyntax(
          beforeName: $0 + spacing + "[{\"\(nameKey)\": \"", behindName: "\", \"\(argumentsKey)\":",
          ending: "}]" + (closers.first ?? ""), next: "}, {\"\(nameKey)\": \"")
      })
  }

  /// Granite 3: `<|tool_call|>[...]`, and its older `<tool_call>[...]`.
  static let granite = list("granite", openers: ["<|tool_call|>", "<tool_call>"])

  /// Phi-4 mini: `<|tool_call|>[...]<|/tool_call|>` or `functools[...]`.
  static let phi4 = list("phi4", openers: ["<|tool_call|>", "functools"], closers: ["<|/tool_call|>"])

  /// Nemotron Nano v2: `<TOOLCALL>[...]</TOOLCALL>`.
  static let nemotron = list("nemotron", openers: ["<TOOLCALL>"], closers: ["</TOOLCALL>"])

  /// Jamba: `<tool_calls>[...]</tool_calls>`.
  static let jamba = list("jamba", openers: ["<tool_calls>"], closers: ["</tool_calls>"])

  /// Command R7B and A: `<|START_ACTION|>[{"tool_call_id": "0", "tool_name": "f", "parameters": {}}]<|END_ACTION|>`, and
  /// Command R's `Action: ```json [...]` fence.
  static let commandR = list(
    "command_r", openers: ["<|START_ACTION|>", "Action: ```json", "Action:\n```json"],
    closers: ["<|END_ACTION|>", "```"],
    argumentsKey: "parameters", nameKey: "tool_name", spacing: "\n")
}
