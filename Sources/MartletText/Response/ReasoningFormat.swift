/// How a model marks its reasoning.
package struct ReasoningFormat: Sendable {
  package enum Kind: Sendable {
    case tags
    /// gpt-oss: channels carry reasoning, calls and answer.
    case harmony
    /// The reasoning stays in the content, whose opening tag stood in the prompt.
    case appended
  }

  /// The name that `--reasoning-parser` takes.
  package let name: String
  package let kind: Kind
  let openTags: [String]
  let closeTags: [String]
  /// Tags of calls that end the reasoning too.
  let interrupters: [String]
  /// The model reasons without an opening tag unless the prompt has closed the reasoning.
  let isForced: Bool

  init(
    _ name: String, kind: Kind = .tags, open: String = "<think>", close: String = "</think>",
    interrupters: [String] = [], isForced: Bool = false
  ) {
    self.name = name
    self.kind = kind
    openTags = [open]
    closeTags = [close]
    self.interrupters = interrupters
    self.isForced = isForced
  }

  private static let qwenCall = ["<tool_call>"]
  private static let formats: [ReasoningFormat] = [
    ReasoningFormat("deepseek-r1", isForced: true), ReasoningFormat("deepseek-v3"),
    ReasoningFormat("deepseek-v4", interrupters: ["<｜DSML｜tool_calls>"]),
    ReasoningFormat("qwen3", interrupters: qwenCall),
    ReasoningFormat("qwen3-thinking", interrupters: qwenCall, isForced: true),
    ReasoningFormat("glm45", interrupters: qwenCall), ReasoningFormat("ling3", interrupters: qwenCall),
    ReasoningFormat("interns1", interrupters: ["<|action_start|>"]), ReasoningFormat("dots"),
    ReasoningFormat("nanbeige", interrupters: qwenCall), ReasoningFormat("mimo", interrupters: qwenCall),
    ReasoningFormat("poolside_v1", interrupters: qwenCall), ReasoningFormat("iquest_q1", isForced: true),
    ReasoningFormat("nemotron_3", interrupters: ["<tool_call>", "<TOOLCALL>"]),
    ReasoningFormat("granite_thinking_parser", interrupters: qwenCall),
    ReasoningFormat("minimax", interrupters: ["<minimax:tool_call>"]),
    ReasoningFormat("minimax-append-think", kind: .appended),
    ReasoningFormat("minimax-m3", open: "<mm:think>", close: "</mm:think>"),
    ReasoningFormat("step3", isForced: true), ReasoningFormat("step3p5", isForced: true),
    ReasoningFormat("gigachat35", isForced: true),
    ReasoningFormat("kimi", open: "◁think▷", close: "◁/think▷"),
    ReasoningFormat("kimi_k2", interrupters: ["<|tool_calls_section_begin|>"]),
    ReasoningFormat("hunyuan", interrupters: ["<tool_calls>"]),
    ReasoningFormat("mistral", open: "[THINK]", close: "[/THINK]"),
    ReasoningFormat("seed_oss", open: "<seed:think>", close: "</seed:think>", interrupters: ["<seed:tool_call>"]),
    ReasoningFormat(
      "cohere_command4", open: "<|START_THINKING|>", close: "<|END_THINKING|>", interrupters: ["<|START_ACTION|>"]),
    ReasoningFormat(
      "apertus2509", open: "<|inner_prefix|>", close: "<|inner_suffix|>", interrupters: ["<|tools_prefix|>"]),
    ReasoningFormat("gemma4", open: "<|channel>thought", close: "<channel|>", interrupters: ["<|tool_call>"]),
    ReasoningFormat("gpt-oss", kind: .harmony, open: "<|channel|>analysis<|message|>", close: "<|end|>"),
  ]

  private static let aliases = [
    "deepseek_r1": "deepseek-r1", "deepseek-v31": "deepseek-v3", "deepseek-v41": "deepseek-v4", "nano_v3": "nemotron_3",
    "nemotron": "nemotron_3", "gpt_oss": "gpt-oss", "granite": "granite_thinking_parser", "glm47": "glm45",
    "kimi-k2": "kimi_k2", "seed-oss": "seed_oss",
  ]

  /// The names that can be given.
  package static let names = formats.map(\.name)

  /// The format of SGLang's parser of this name.
  package static func named(_ name: String) -> ReasoningFormat? {
    let name = aliases[name.lowercased()] ?? name.lowercased()
    return formats.first { $0.name == name }
  }

  /// The tokens that must stay in the text for the format to be read.
  package var markers: [String] { kind == .appended ? [] : openTags + closeTags + interrupters }

  /// What ends the reasoning that a prompt has opened; nil when the answer does not begin inside reasoning.
  package func closing(prompt: String) -> String? {
    guard kind == .tags, case .reasoning = start(prompt: prompt, continuation: nil) else { return nil }
    return closeTags[0] + "\n\n"
  }

  /// The tags of reasoning that the model may open by itself; nil when a prompt has decided whether it reasons.
  package func ownThinking(prompt: String) -> (open: String, close: String)? {
    guard kind == .tags, case .undecided = start(prompt: prompt, continuation: nil) else { return nil }
    return (openTags[0], closeTags[0])
  }

  /// Whether answers stand in a channel of their own.
  package var hasChannels: Bool { kind == .harmony }

  /// Whether the answer to a prompt begins inside the reasoning: what the prompt's end or the continued text says, else
  /// whether the model always reasons.
  func start(prompt: String, continuation: String?) -> ReasoningSplitter.Start {
    if let continuation, !continuation.isEmpty {
      let opened = openTags.compactMap { continuation.range(of: $0) }.max()
      let closed = closeTags.compactMap { continuation.range(of: $0) }.max()
      if let opened { return closed.map { $0 > opened } ?? false ? .content : .reasoning }
      return isForced && closed == nil ? .reasoning : .content
    }
    var end = prompt[...]
    while end.last?.isWhitespace ?? false { end.removeLast() }
    if openTags.contains(where: { end.hasSuffix($0) }) { return .reasoning }
    if closeTags.contains(where: { end.hasSuffix($0) }) { return .content }
    return isForced ? .reasoning : .undecided
  }
}

extension String {
  /// Byte offset of the last occurrence.
  fileprivate func range(of tag: String) -> Int? {
    let text = Array(utf8), tag = Array(tag.utf8)
    guard !tag.isEmpty, text.count >= tag.count else { return nil }
    return (0...text.count - tag.count).last { text[$0..<$0 + tag.count].elementsEqual(tag) }
  }
}
