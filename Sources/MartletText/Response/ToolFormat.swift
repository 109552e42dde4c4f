/// How a model writes its calls of tools.
package struct ToolFormat: Sendable {
  /// Text in front of calls, such that it is not read as one.
  enum Prose: Sendable {
    /// Any text without these.
    case anywhere(openers: [String])
    /// What the expression matches; calls stand in place of a text.
    case pattern(String)
    /// Any text in which no offered function's call stands behind this.
    case withoutCalls(opener: String)
    /// gpt-oss: messages of several channels.
    case channels
  }

  /// The name that `--tool-call-parser` takes.
  package let name: String
  /// The tokens that must stay in the text for the format to be read.
  package let markers: [String]
  let isHarmony: Bool
  private let syntax: CallSyntax?
  let prose: Prose
  let makeParser: @Sendable (ToolDeclarations) -> any CallParser

  private init(
    _ name: String, markers: [String], syntax: CallSyntax?, prose: Prose, isHarmony: Bool = false,
    makeParser: @escaping @Sendable (ToolDeclarations) -> any CallParser
  ) {
    self.name = name
    self.markers = markers
    self.syntax = syntax
    self.prose = prose
    self.isHarmony = isHarmony
    self.makeParser = makeParser
  }

  init(_ name: String, json grammar: JSONCallGrammar, markers: [String] = [], syntax: CallSyntax? = nil) {
    let excluded = grammar.openers.map { "(?![\\s\\S]*\(Self.escaped($0)))" }.joined()
    self.init(
      name, markers: grammar.openers + grammar.separators + grammar.closers + markers, syntax: syntax,
      prose: grammar.bare == nil
        ? .anywhere(openers: grammar.openers) : .pattern("(?!\\s*\\{)\(excluded)[\\s\\S]*")
    ) { JSONCallParser(grammar, tools: $0) }
  }

  init(_ name: String, xml grammar: XMLCallGrammar, markers: [String] = [], syntax: CallSyntax? = nil) {
    let tags = grammar.openers + grammar.valueEnds + grammar.callEnds + grammar.separators + grammar.closers
    self.init(name, markers: tags + markers, syntax: syntax, prose: .anywhere(openers: grammar.openers)) {
      XMLCallParser(grammar, tools: $0)
    }
  }

  init(_ name: String, python grammar: PythonCallGrammar, syntax: CallSyntax? = nil) {
    self.init(
      name, markers: grammar.openers + grammar.closers, syntax: syntax,
      prose: grammar.needsKnownName ? .withoutCalls(opener: "[") : .anywhere(openers: grammar.openers)
    ) {
      PythonCallParser(grammar, tools: $0)
    }
  }

  init(_ name: String, gemma grammar: GemmaCallGrammar, syntax: CallSyntax? = nil) {
    self.init(
      name, markers: grammar.openers + grammar.closers + [grammar.quote], syntax: syntax,
      prose: .anywhere(openers: grammar.openers)
    ) { _ in
      GemmaCallParser(grammar)
    }
  }

  /// gpt-oss: the channels hold calls and reasoning alike.
  static let harmony = ToolFormat(
    "gpt-oss", markers: HarmonyParser.markers,
    syntax: CallSyntax(
      beforeName: "<|channel|>commentary to=functions.", behindName: " <|constrain|>json<|message|>", ending: ""),
    prose: .channels, isHarmony: true
  ) { _ in HarmonyCallParser() }

  private static let formats = [
    hermes, qwen3Coder, llama3, pythonic, mistral, deepseekV3, deepseekV31, deepseekV32, deepseekV4, glm45, kimiK2,
    harmony,
    minimaxM2, functionGemma, gemma4, gemmaToolCode, granite, phi4, internlm, commandR, step3, lfm2, nemotron, seedOSS,
    olmo3, hunyuan, jamba, minicpm5, dots,
  ]

  private static let aliases = [
    "qwen": "qwen25", "hermes": "qwen25", "trinity": "qwen25", "mimo": "qwen3_coder", "step3p5": "qwen3_coder",
    "nanbeige": "qwen3_coder", "qwen3-coder": "qwen3_coder", "nemotron_3": "qwen3_coder", "llama4": "pythonic",
    "llama4_pythonic": "pythonic", "glm": "glm45", "glm47": "glm45", "ling3": "glm45", "iquest_q1": "glm45",
    "gpt_oss": "gpt-oss", "kimi-k2": "kimi_k2", "minimax_m2": "minimax-m2", "minimax": "minimax-m2",
    "interns1": "internlm", "cohere_command4": "command_r", "cohere_command3": "command_r", "command-r": "command_r",
    "phi4_mini_json": "phi4", "phi-4": "phi4", "deepseek_v3": "deepseekv3", "deepseek_v31": "deepseekv31",
    "deepseek_v32": "deepseekv32", "llama3_json": "llama3", "qwen3_xml": "qwen3_coder", "seed-oss": "seed_oss",
    "functiongemma": "gemma", "gemma3": "gemma_tool_code",
  ]

  /// The names that can be given.
  package static let names = formats.map(\.name)

  /// The format of SGLang's parser of this name, or of vLLM's.
  package static func named(_ name: String) -> ToolFormat? {
    let name = aliases[name.lowercased()] ?? name.lowercased()
    return formats.first { $0.name == name }
  }

  /// How a call begins that the model is made to write: of the given function, or of any. Nil when the format has no
  /// exact beginning.
  /// - Parameter template: the chat template's source, which tells generations of one format apart.
  package func prefill(function: String?, template: String) -> String? {
    callSyntax(template: template)?.beginning(function: function)
  }

  func callSyntax(template: String) -> CallSyntax? {
    name == Self.mistral.name ? Self.mistralSyntax(template: template) : syntax
  }

  /// A text as an expression that matches it.
  static func escaped(_ text: String) -> String {
    text.reduce(into: "") { result, character in
      if "\\^$.|?*+()[]{}/".contains(character) { result.append("\\") }
      result.append(character)
    }
  }
}
