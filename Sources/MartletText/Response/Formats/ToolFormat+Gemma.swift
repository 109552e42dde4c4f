extension ToolFormat {
  private static func call(_ opener: String) -> TextPattern {
    TextPattern([.literal(opener), .whitespace, .literal("call:"), .name, .whitespace, .literal("{")])
  }

  /// FunctionGemma: `<start_function_call>call:f{city:<escape>Rome<escape>}<end_function_call>`.
  static let functionGemma = ToolFormat(
    "gemma",
    gemma: GemmaCallGrammar(
      openers: ["<start_function_call>"], header: call("<start_function_call>"), quote: "<escape>",
      closers: ["<end_function_call>"]),
    syntax: CallSyntax(
      beforeName: "<start_function_call>call:", behindName: "{", ending: "}<end_function_call>",
      next: "}<end_function_call><start_function_call>call:", arguments: .gemma(quote: "<escape>")))

  /// Gemma 4: the same with `<|tool_call>`, `<tool_call|>` and strings between `<|"|>`.
  static let gemma4 = ToolFormat(
    "gemma4",
    gemma: GemmaCallGrammar(
      openers: ["<|tool_call>"], header: call("<|tool_call>"), quote: "<|\"|>", closers: ["<tool_call|>"]),
    syntax: CallSyntax(
      beforeName: "<|tool_call>call:", behindName: "{", ending: "}<tool_call|>",
      next: "}<tool_call|><|tool_call>call:", arguments: .gemma(quote: "<|\"|>")))
}
