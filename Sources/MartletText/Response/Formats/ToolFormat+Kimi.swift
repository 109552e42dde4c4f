extension ToolFormat {
  private static let begin = "<|tool_calls_section_begin|>"
  private static let header: [TextPattern.Part] = [
    .literal("<|tool_call_begin|>"), .whitespace, .name, .whitespace, .literal("<|tool_call_argument_begin|>"),
    .whitespace, .ahead("{"),
  ]

  /// Kimi K2: `functions.NAME:INDEX` is the call's id; the index counts the calls of the whole conversation.
  static let kimiK2 = ToolFormat(
    "kimi_k2",
    json: JSONCallGrammar(
      openers: [begin], first: [.named(TextPattern([.literal(begin), .whitespace] + header))],
      next: [.named(TextPattern([.whitespace] + header))], separators: ["<|tool_call_end|>"],
      closers: ["<|tool_calls_section_end|>"],
      splitName: { written in
        let name = written.hasPrefix("functions.") ? written.dropFirst(10) : written[...]
        guard let colon = name.lastIndex(of: ":"), !name[name.index(after: colon)...].isEmpty,
          name[name.index(after: colon)...].allSatisfy(\.isNumber)
        else { return name.allSatisfy(\.isNumber) ? ("", nil) : (String(name), nil) }
        return (String(name[..<colon]), written)
      }), markers: ["<|tool_call_begin|>", "<|tool_call_argument_begin|>"],
    syntax: CallSyntax(
      beforeName: begin + "<|tool_call_begin|>functions.", behindName: ":{index}<|tool_call_argument_begin|>",
      ending: "<|tool_call_end|><|tool_calls_section_end|>", next: "<|tool_call_end|><|tool_call_begin|>functions."))
}
