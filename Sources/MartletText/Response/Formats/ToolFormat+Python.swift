/// Formats of Python calls.
extension ToolFormat {
  /// Llama 4 and others: `[f(a=1), g(b="x")]`, possibly between `<|python_start|>` and `<|python_end|>`.
  static let pythonic = ToolFormat(
    "pythonic",
    python: PythonCallGrammar(
      openers: ["<|python_start|>[", "["], closers: ["]<|python_end|>", "]"]),
    forced: ForcedCall(beforeName: "[", behindName: "("))

  /// LFM2: `<|tool_call_start|>[f(x=1)]<|tool_call_end|>`.
  static let lfm2 = ToolFormat(
    "lfm2",
    python: PythonCallGrammar(
      openers: ["<|tool_call_start|>["], closers: ["]<|tool_call_end|>"], needsKnownName: false),
    forced: ForcedCall(beforeName: "<|tool_call_start|>[", behindName: "("))

  /// Olmo 3: one call on each line between `<function_calls>` and `</function_calls>`.
  static let olmo3 = ToolFormat(
    "olmo3",
    python: PythonCallGrammar(openers: ["<function_calls>"], closers: ["</function_calls>"], needsKnownName: false),
    forced: ForcedCall(beforeName: "<function_calls>", behindName: "("))

  /// Gemma 3 by its usual prompt: calls inside a fenced `tool_code` block.
  static let gemmaToolCode = ToolFormat(
    "gemma_tool_code",
    python: PythonCallGrammar(
      openers: ["```tool_code\n", "```tool_call\n"], closers: ["```", ")\n```"], prefixes: ["print(", "default_api."],
      needsKnownName: false),
    forced: ForcedCall(beforeName: "```tool_code\n", behindName: "("))
}
