/// Formats with a tag for each parameter.
extension ToolFormat {
  /// `<function=f><parameter=k>v</parameter></function>` inside a tag of the family's own, which some models leave out.
  private static func functionTags(_ name: String, open: String, close: String) -> ToolFormat {
    let function: [TextPattern.Part] = [.whitespace, .literal("<function="), .name, .literal(">")]
    return ToolFormat(
      name,
      xml: XMLCallGrammar(
        openers: [open, "<function="], first: TextPattern([.optional(open)] + function),
        next: TextPattern([.whitespace] + function),
        parameter: TextPattern([.whitespace, .literal("<parameter="), .text(until: ">"), .literal(">")]),
        valueEnds: ["</parameter>"], valueStops: ["<parameter=", "</function>"], callEnds: ["</function>"],
        closers: [close]),
      syntax: CallSyntax(
        beforeName: open + "\n<function=", behindName: ">\n", ending: "</function>\n" + close,
        next: "</function>\n" + close + "\n" + open + "\n<function=",
        arguments: .tags(
          ArgumentTags(
            beforeKey: "<parameter=", beforeString: ">\n", end: "\n</parameter>\n",
            stops: ["</parameter>", "<parameter=", "</function>"]))))
  }

  static let qwen3Coder = functionTags("qwen3_coder", open: "<tool_call>", close: "</tool_call>")
  static let seedOSS = functionTags("seed_oss", open: "<seed:tool_call>", close: "</seed:tool_call>")

  /// `<invoke name="f"><parameter name="k">v</parameter></invoke>`.
  private static func invokeTags(_ name: String, open: String, close: String) -> ToolFormat {
    let invoke: [TextPattern.Part] = [.whitespace, .literal("<invoke name=\""), .name, .literal("\">")]
    return ToolFormat(
      name,
      xml: XMLCallGrammar(
        openers: [open], first: TextPattern([.literal(open)] + invoke), next: TextPattern(invoke),
        parameter: TextPattern([
          .whitespace, .literal("<parameter name=\""), .text(until: "\""), .literal("\""), .whitespace, .literal(">"),
        ]),
        valueEnds: ["</parameter>"], valueStops: ["<parameter name=\"", "</invoke>"], callEnds: ["</invoke>"],
        closers: [close]),
      syntax: CallSyntax(
        beforeName: open + "\n<invoke name=\"", behindName: "\">\n", ending: "</invoke>\n" + close,
        next: "</invoke>\n<invoke name=\"",
        arguments: .tags(
          ArgumentTags(
            beforeKey: "<parameter name=\"", beforeString: "\">", end: "</parameter>\n",
            stops: ["</parameter>", "<parameter name=\"", "</invoke>"]))))
  }

  static let minimaxM2 = invokeTags("minimax-m2", open: "<minimax:tool_call>", close: "</minimax:tool_call>")
  static let dots = invokeTags("dots", open: "<dots_function_call>", close: "</dots_function_call>")

  /// MiniCPM 5: `<function name="f"><param name="k">v</param></function>`.
  static let minicpm5 = ToolFormat(
    "minicpm5",
    xml: XMLCallGrammar(
      openers: ["<function name=\""],
      first: TextPattern([.literal("<function name=\""), .name, .literal("\">")]),
      next: TextPattern([.whitespace, .literal("<function name=\""), .name, .literal("\">")]),
      parameter: TextPattern([.whitespace, .literal("<param name=\""), .text(until: "\""), .literal("\">")]),
      valueEnds: ["</param>"], valueStops: ["<param name=\"", "</function>"], callEnds: ["</function>"]),
    syntax: CallSyntax(
      beforeName: "<function name=\"", behindName: "\">", ending: "</function>",
      next: "</function>\n<function name=\"",
      arguments: .tags(
        ArgumentTags(
          beforeKey: "<param name=\"", beforeString: "\">", end: "</param>",
          stops: ["</param>", "<param name=\"", "</function>"]))))

  /// GLM 4.5 to 4.7: `<tool_call>f\n<arg_key>k</arg_key>\n<arg_value>v</arg_value>\n</tool_call>`, line breaks or not.
  static let glm45 = ToolFormat(
    "glm45",
    xml: XMLCallGrammar(
      openers: ["<tool_call>"],
      first: TextPattern([.literal("<tool_call>"), .whitespace, .name, .whitespace, .ahead("<")]),
      parameter: argument, valueEnds: ["</arg_value>"], valueStops: ["<arg_key>", "</tool_call>"],
      callEnds: ["</tool_call>"], typing: .schemaOrJSON), markers: ["<arg_key>", "</arg_key>", "<arg_value>"],
    syntax: CallSyntax(
      beforeName: "<tool_call>", behindName: "\n", ending: "</tool_call>", next: "</tool_call>\n<tool_call>",
      arguments: .tags(argumentTags)))

  private static let argumentTags = ArgumentTags(
    beforeKey: "<arg_key>", beforeString: "</arg_key>\n<arg_value>", end: "</arg_value>\n",
    stops: ["</arg_value>", "<arg_key>", "</tool_call>"])

  private static let argument = TextPattern([
    .whitespace, .literal("<arg_key>"), .text(until: "</arg_key>"), .literal("</arg_key>"), .whitespace,
    .literal("<arg_value>"),
  ])

  /// Hunyuan: `<tool_calls><tool_call>f<tool_sep>` and GLM's parameters, `</tool_call></tool_calls>`.
  static let hunyuan = ToolFormat(
    "hunyuan",
    xml: XMLCallGrammar(
      openers: ["<tool_calls>"], first: TextPattern([.literal("<tool_calls>"), .whitespace] + hunyuanCall),
      next: TextPattern([.whitespace] + hunyuanCall), parameter: argument, valueEnds: ["</arg_value>"],
      valueStops: ["<arg_key>", "</tool_call>"], callEnds: ["</tool_call>"], closers: ["</tool_calls>"],
      typing: .schemaOrJSON), markers: ["<tool_call>", "<tool_sep>", "<arg_key>", "</arg_key>", "<arg_value>"],
    syntax: CallSyntax(
      beforeName: "<tool_calls>\n<tool_call>", behindName: "<tool_sep>\n",
      ending: "</tool_call>\n</tool_calls>", next: "</tool_call>\n<tool_call>", arguments: .tags(argumentTags)))

  private static let hunyuanCall: [TextPattern.Part] = [
    .literal("<tool_call>"), .whitespace, .name, .whitespace, .literal("<tool_sep>"),
  ]

  private static let stepCall: [TextPattern.Part] = [
    .literal("<｜tool_call_begin｜>"), .whitespace, .optional("function"), .literal("<｜tool_sep｜>"), .whitespace,
    .literal("<steptml:invoke name=\""), .name, .literal("\">"),
  ]

  /// Step 3: `<｜tool_call_begin｜>function<｜tool_sep｜><steptml:invoke name="f">` and its parameters.
  static let step3 = ToolFormat(
    "step3",
    xml: XMLCallGrammar(
      openers: ["<｜tool_calls_begin｜>"],
      first: TextPattern([.literal("<｜tool_calls_begin｜>"), .whitespace] + stepCall),
      next: TextPattern([.whitespace] + stepCall),
      parameter: TextPattern([
        .whitespace, .literal("<steptml:parameter name=\""), .text(until: "\""), .literal("\">"),
      ]),
      valueEnds: ["</steptml:parameter>"], valueStops: ["<steptml:parameter name=\"", "</steptml:invoke>"],
      callEnds: ["</steptml:invoke>"], separators: ["<｜tool_call_end｜>"], closers: ["<｜tool_calls_end｜>"],
      typing: .schemaOrJSON),
    markers: ["<｜tool_call_begin｜>", "<｜tool_sep｜>"],
    syntax: CallSyntax(
      beforeName: "<｜tool_calls_begin｜>\n<｜tool_call_begin｜>function<｜tool_sep｜><steptml:invoke name=\"",
      behindName: "\">\n", ending: "</steptml:invoke><｜tool_call_end｜>\n<｜tool_calls_end｜>",
      next: "</steptml:invoke><｜tool_call_end｜>\n<｜tool_call_begin｜>function<｜tool_sep｜><steptml:invoke name=\"",
      arguments: .tags(
        ArgumentTags(
          beforeKey: "<steptml:parameter name=\"", beforeString: "\">", end: "</steptml:parameter>\n",
          stops: ["</steptml:parameter>", "<steptml:parameter name=\"", "</steptml:invoke>"]))))
}
