extension ToolFormat {
  /// InternLM 2 and Intern-S1: `<|action_start|> <|plugin|>\n{"name": "f", "parameters": {}}<|action_end|>`.
  static let internlm = ToolFormat(
    "internlm",
    json: JSONCallGrammar(
      openers: ["<|action_start|>"],
      first: [.object(TextPattern([.literal("<|action_start|>"), .whitespace, .literal("<|plugin|>")]))],
      closers: ["<|action_end|>"]), markers: ["<|plugin|>"],
    syntax: CallSyntax(
      beforeName: "<|action_start|> <|plugin|>\n{\"name\": \"", behindName: "\", \"parameters\":",
      ending: "}<|action_end|>"))
}
