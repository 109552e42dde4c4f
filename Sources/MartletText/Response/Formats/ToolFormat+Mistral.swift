extension ToolFormat {
  /// Mistral's both generations: `[TOOL_CALLS] [{"name": "f", "arguments": {}}, ...]` and `[TOOL_CALLS]f[ARGS]{}`, the
  /// latter with a `[CALL_ID]` perhaps.
  static let mistral = ToolFormat(
    "mistral",
    json: JSONCallGrammar(
      openers: ["[TOOL_CALLS]"],
      first: [
        .object(TextPattern([.literal("[TOOL_CALLS]"), .whitespace, .literal("["), .whitespace])),
        .object(TextPattern([.literal("[TOOL_CALLS]"), .whitespace])),
        .named(
          TextPattern([
            .literal("[TOOL_CALLS]"), .whitespace, .name, .whitespace, .literal("[CALL_ID]"), .name,
            .literal("[ARGS]"), .whitespace, .ahead("{"),
          ])),
        .named(
          TextPattern([
            .literal("[TOOL_CALLS]"), .whitespace, .name, .whitespace, .literal("[ARGS]"), .whitespace, .ahead("{"),
          ])),
      ],
      next: [.object(TextPattern([.whitespace]))], separators: [","], closers: ["]"]), markers: ["[ARGS]", "[CALL_ID]"])

  /// Calls of the generation that a template writes.
  static func mistralSyntax(template: String) -> CallSyntax {
    if template.contains("[ARGS]") {
      return CallSyntax(beforeName: "[TOOL_CALLS]", behindName: "[ARGS]", ending: "", next: "[TOOL_CALLS]")
    }
    return CallSyntax(
      beforeName: "[TOOL_CALLS] [{\"name\": \"", behindName: "\", \"arguments\":", ending: "}]",
      next: "}, {\"name\": \"")
  }
}
