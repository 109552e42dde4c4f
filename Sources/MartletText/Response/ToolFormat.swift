/// How a model writes its calls of tools.
package struct ToolFormat: Sendable {
  /// The beginning of a call that the server writes for the model when a call is required.
  struct ForcedCall: Sendable {
    /// Up to the name.
    var beforeName: String
    /// Behind the name, up to the arguments.
    var behindName: String
  }

  /// The name that `--tool-call-parser` takes.
  package let name: String
  /// The tokens that must stay in the text for the format to be read.
  package let markers: [String]
  let isHarmony: Bool
  let forcedCall: ForcedCall?
  let makeParser: @Sendable (ToolDeclarations) -> any CallParser

  private init(
    _ name: String, markers: [String], forcedCall: ForcedCall?, isHarmony: Bool = false,
    makeParser: @escaping @Sendable (ToolDeclarations) -> any CallParser
  ) {
    self.name = name
    self.markers = markers
    self.forcedCall = forcedCall
    self.isHarmony = isHarmony
    self.makeParser = makeParser
  }

  init(_ name: String, json grammar: JSONCallGrammar, markers: [String] = [], forced: ForcedCall? = nil) {
    self.init(
      name, markers: grammar.openers + grammar.separators + grammar.closers + markers, forcedCall: forced
    ) { JSONCallParser(grammar, tools: $0) }
  }

  init(_ name: String, xml grammar: XMLCallGrammar, markers: [String] = [], forced: ForcedCall? = nil) {
    let tags = grammar.openers + grammar.valueEnds + grammar.callEnds + grammar.separators + grammar.closers
    self.init(name, markers: tags + markers, forcedCall: forced) { XMLCallParser(grammar, tools: $0) }
  }

  init(_ name: String, python grammar: PythonCallGrammar, forced: ForcedCall? = nil) {
    self.init(name, markers: grammar.openers + grammar.closers, forcedCall: forced) {
      PythonCallParser(grammar, tools: $0)
    }
  }

  init(_ name: String, gemma grammar: GemmaCallGrammar, forced: ForcedCall? = nil) {
    self.init(name, markers: grammar.openers + grammar.closers + [grammar.quote], forcedCall: forced) { _ in
      GemmaCallParser(grammar)
    }
  }

  /// gpt-oss: the channels hold calls and reasoning alike.
  static let harmony = ToolFormat(
    "gpt-oss", markers: HarmonyParser.markers,
    forcedCall: ForcedCall(
      beforeName: "<|channel|>commentary to=functions.", behindName: " <|constrain|>json<|message|>"), isHarmony: true
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
  package func prefill(function: String?) -> String? {
    guard let forcedCall else { return nil }
    guard let function else { return forcedCall.beforeName }
    return forcedCall.beforeName + function + forcedCall.behindName
  }
}
