extension ToolFormat {
  /// Llama 3: `{"name": "f", "parameters": {}}`, with or without `<|python_tag|>` in front, several joined by `; `.
  static let llama3 = ToolFormat(
    "llama3",
    json: JSONCallGrammar(
      openers: ["<|python_tag|>"], first: [.object(TextPattern([.literal("<|python_tag|>")]))],
      next: [.object(TextPattern([.whitespace, .optional("<|python_tag|>")]))], separators: [";", ","],
      bare: .object(TextPattern([.whitespace]))),
    syntax: CallSyntax(
      beforeName: "{\"name\": \"", behindName: "\", \"parameters\":", ending: "}", next: "}; {\"name\": \""))
}
