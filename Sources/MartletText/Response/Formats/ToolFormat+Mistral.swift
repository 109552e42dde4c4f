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

  /// The beginning of a forced call in the generation that a template writes.
  package func prefill(function: String?, template: String) -> String? {
    guard name == Self.mistral.name else { return prefill(function: function) }
    if template.contains("[ARGS]") { return "[TOOL_CALLS]" + (function.map { $0 + "[ARGS]" } ?? "") }
    return "[TOOL_CALLS] [{\"name\": \"" + (function.map { $0 + "\", \"arguments\":" } ?? "")
  }
}
