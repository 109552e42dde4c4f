/// Formats of Python calls.
extension ToolFormat {
  /// Llama 4 and others: `[f(a=1), g(b="x")]`, possibly between `<|python_start|>` and `<|python_end|>`.
  static let pythonic = ToolFormat(
    "pythonic",
    python: PythonCallGrammar(
      openers: ["<|python_start|>[", "["], closers: ["]<|python_end|>", "]"]),
    syntax: CallSyntax(beforeName: "[", behindName: "(", ending: ")]", next: "), ", arguments: .keywords))

  /// LFM2: `<|tool_call_start|>[f(x=1)]<|tool_call_end|>`.
  static let lfm2 = ToolFormat(
    "lfm2",
    python: PythonCallGrammar(
      openers: ["<|tool_call_start|>["], closers: ["]<|tool_call_end|>"], needsKnownName: false),
    syntax: CallSyntax(
      beforeName: "<|tool_call_start|>[", behindName: "(", ending: ")]<|tool_call_end|>", next: "), ",
      arguments: .keywords))

  /// Olmo 3: one call on each line between `<function_calls>` and `</function_calls>`.
  static let olmo3 = ToolFormat(
    "olmo3",
    python: PythonCallGrammar(openers: ["<function_calls>"], closers: ["</function_calls>"], needsKnownName: false),
    syntax: CallSyntax(
      beforeName: "<function_calls>", behindName: "(", ending: ")</function_calls>", next: ")\n", arguments: .keywords))

  /// Gemma 3 by its usual prompt: calls inside a fenced `tool_code` block.
  static let gemmaToolCode = ToolFormat(
    "gemma_tool_code",
    python: PythonCallGrammar(
      openers: ["```tool_code\n", "```tool_call\n"], closers: ["```", ")\n```"], prefixes: ["print(", "default_api."],
      needsKnownName: false),
    syntax: CallSyntax(
      beforeName: "```tool_code\n", behindName: "(", ending: ")\n```", next: ")\n", arguments: .keywords))
}
