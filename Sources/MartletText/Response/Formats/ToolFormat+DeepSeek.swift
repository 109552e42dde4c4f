extension ToolFormat {
  private static let begin = "<｜tool▁calls▁begin｜>"
  private static let callBegin = "<｜tool▁call▁begin｜>"
  private static let separator = "<｜tool▁sep｜>"
  private static let callEnd = "<｜tool▁call▁end｜>"
  private static let end = "<｜tool▁calls▁end｜>"

  private static let v3Header: [TextPattern.Part] = [
    .literal(callBegin), .whitespace, .optional("function"), .literal(separator), .whitespace, .name, .whitespace,
    .literal("```"), .optional("json"), .whitespace, .ahead("{"),
  ]
  private static let v31Header: [TextPattern.Part] = [
    .literal(callBegin), .whitespace, .name, .whitespace, .literal(separator), .whitespace, .ahead("{"),
  ]

  private static func deepseek(_ header: [TextPattern.Part], separators: [String]) -> JSONCallGrammar {
    JSONCallGrammar(
      openers: [begin], first: [.named(TextPattern([.literal(begin), .whitespace] + header))],
      next: [.named(TextPattern([.whitespace] + header))], separators: separators, closers: [end])
  }

  /// DeepSeek V3 and R1: a name, and arguments inside a fenced block.
  static let deepseekV3 = ToolFormat(
    "deepseekv3", json: deepseek(v3Header, separators: ["```", callEnd]), markers: [callBegin, separator],
    syntax: CallSyntax(
      beforeName: begin + callBegin + "function" + separator, behindName: "\n```json\n",
      ending: "\n```" + callEnd + end,
      next: "\n```" + callEnd + "\n" + callBegin + "function" + separator))

  /// DeepSeek V3.1: a name, and arguments behind the separator.
  static let deepseekV31 = ToolFormat(
    "deepseekv31", json: deepseek(v31Header, separators: [callEnd]), markers: [callBegin, separator],
    syntax: CallSyntax(
      beforeName: begin + callBegin, behindName: separator, ending: callEnd + end, next: callEnd + callBegin))

  private static func markupSyntax(_ block: String) -> CallSyntax {
    CallSyntax(
      beforeName: "<｜DSML｜\(block)>\n<｜DSML｜invoke name=\"", behindName: "\">\n",
      ending: "</｜DSML｜invoke>\n</｜DSML｜\(block)>", next: "</｜DSML｜invoke>\n<｜DSML｜invoke name=\"",
      arguments: .tags(
        ArgumentTags(
          beforeKey: "<｜DSML｜parameter name=\"", beforeString: "\" string=\"true\">",
          beforeJSON: "\" string=\"false\">",
          end: "</｜DSML｜parameter>\n",
          stops: ["</｜DSML｜parameter>", "<｜DSML｜parameter", "</｜DSML｜invoke>"])))
  }

  private static func markup(_ block: String) -> XMLCallGrammar {
    let invoke: [TextPattern.Part] = [
      .literal("<｜DSML｜invoke"), .whitespace, .literal("name=\""), .name, .literal("\""), .whitespace, .optional("/"),
      .literal(">"),
    ]
    return XMLCallGrammar(
      openers: ["<｜DSML｜\(block)>", "<｜DSML｜invoke"],
      first: TextPattern([.optional("<｜DSML｜\(block)>"), .whitespace] + invoke),
      next: TextPattern([.whitespace] + invoke),
      parameter: TextPattern([
        .whitespace, .literal("<｜DSML｜parameter"), .whitespace, .literal("name=\""), .text(until: "\""),
        .literal("\""), .whitespace, .literal("string=\""), .text(until: "\""), .literal("\""), .whitespace,
        .literal(">"),
      ]),
      valueEnds: ["</｜DSML｜parameter>"], valueStops: ["<｜DSML｜parameter", "</｜DSML｜invoke>"],
      callEnds: ["</｜DSML｜invoke>"], separators: ["</｜DSML｜invoke>"], closers: ["</｜DSML｜\(block)>"], takesJSON: true)
  }

  /// DeepSeek V3.2: tags with `｜DSML｜`, in which `string="true"` marks strings, or a JSON object in their place.
  static let deepseekV32 = ToolFormat(
    "deepseekv32", xml: markup("function_calls"),
    syntax: markupSyntax("function_calls"))

  /// DeepSeek V4: the same inside `tool_calls`.
  static let deepseekV4 = ToolFormat(
    "deepseekv4", xml: markup("tool_calls"),
    syntax: markupSyntax("tool_calls"))
}
