/// Finds the formats that a model writes from its chat template, by the tags that the template renders.
package enum FormatDetection {
  /// A format when the template has all of the texts.
  private static let tools: [(name: String, texts: [String])] = [
    ("gpt-oss", ["<|channel|>", "<|message|>"]), ("gemma4", ["<|tool_call>"]), ("gemma", ["<start_function_call>"]),
    ("kimi_k2", ["<|tool_calls_section_begin|>"]), ("minimax-m2", ["<minimax:tool_call>"]),
    ("seed_oss", ["<seed:tool_call>"]), ("deepseekv4", ["<｜DSML｜tool_calls>"]), ("deepseekv32", ["<｜DSML｜"]),
    ("deepseekv3", ["<｜tool▁calls▁begin｜>", "```json"]), ("deepseekv31", ["<｜tool▁calls▁begin｜>"]),
    ("step3", ["<steptml:"]), ("internlm", ["<|action_start|>"]), ("lfm2", ["<|tool_call_start|>"]),
    ("mistral", ["[TOOL_CALLS]"]), ("dots", ["<dots_function_call>"]),
    ("hunyuan", ["<tool_calls>", "<tool_sep>"]), ("glm45", ["<arg_key>", "<arg_value>"]),
    ("qwen3_coder", ["<function=", "<parameter="]), ("command_r", ["<|START_ACTION|>"]), ("nemotron", ["<TOOLCALL>"]),
    ("jamba", ["<tool_calls>"]), ("minicpm5", ["<function name=", "<param name="]), ("olmo3", ["<function_calls>"]),
    ("phi4", ["<|/tool_call|>"]), ("phi4", ["functools"]), ("granite", ["<|tool_call|>"]), ("qwen25", ["<tool_call>"]),
    ("lfm2", ["<|tool_list_start|>"]), ("pythonic", ["[func_name1(params_name1=params_value1"]),
    ("llama3", ["<|python_tag|>"]), ("llama3", ["\"parameters\": dictionary of argument name"]),
  ]

  private static let reasoning: [(name: String, texts: [String])] = [
    ("gpt-oss", ["<|channel|>", "<|message|>"]), ("gemma4", ["<|channel>"]), ("kimi", ["◁think▷"]),
    ("mistral", ["[THINK]"]), ("cohere_command4", ["<|START_THINKING|>"]), ("apertus2509", ["<|inner_prefix|>"]),
    ("minimax-m3", ["<mm:think>"]), ("seed_oss", ["<seed:think>"]), ("minimax", ["<minimax:tool_call>"]),
    ("kimi_k2", ["<|tool_calls_section_begin|>"]), ("deepseek-v3", ["</think>", "<｜tool▁calls▁begin｜>"]),
    ("deepseek-v3", ["</think>", "｜DSML｜"]), ("step3", ["</think>", "<steptml:"]),
    ("nemotron_3", ["</think>", "truncate_history_thinking"]), ("nemotron_3", ["</think>", "<TOOLCALL>"]),
    ("glm45", ["</think>", "<arg_key>"]), ("interns1", ["</think>", "<|action_start|>"]), ("qwen3", ["</think>"]),
  ]

  package static func toolFormat(template: String) -> ToolFormat? {
    first(tools, template).flatMap { ToolFormat.named($0) }
  }

  package static func reasoningFormat(template: String) -> ReasoningFormat? {
    first(reasoning, template).flatMap { ReasoningFormat.named($0) }
  }

  private static func first(_ rules: [(name: String, texts: [String])], _ template: String) -> String? {
    rules.first { $0.texts.allSatisfy { template.utf8.contains($0) } }?.name
  }
}

extension String.UTF8View {
  fileprivate func contains(_ text: String) -> Bool {
    let bytes = Array(self), needle = Array(text.utf8)
    guard let first = needle.first, bytes.count >= needle.count else { return false }
    return (0...bytes.count - needle.count).contains {
      bytes[$0] == first && bytes[$0..<$0 + needle.count].elementsEqual(needle)
    }
  }
}
