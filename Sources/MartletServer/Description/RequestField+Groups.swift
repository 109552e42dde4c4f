import MartletText

/// The fields that routes share, in the order of their readers.
extension RequestField {
  /// What `SamplingFields` reads in every dialect of OpenAI's words.
  private static let commonSampling: [RequestField] = [
    RequestField("temperature", .number), RequestField("top_p", .number), .integer("top_k"),
    RequestField("min_p", .number), RequestField("frequency_penalty", .number),
    RequestField("presence_penalty", .number), RequestField("repetition_penalty", .number),
    RequestField("logit_bias", .object([])), RequestField("stop_token_ids", .list), RequestField("ignore_eos", .bool),
    .integer("n", 1...SamplingFields.maxChoices), RequestField("stop", .strings),
    RequestField("skip_special_tokens", .bool), RequestField("no_stop_trim", .bool),
    RequestField("json_schema", .document), RequestField("regex", .string), RequestField("ebnf", .string),
    RequestField("structural_tag", .document), RequestField("choice", .strings), RequestField("select", .strings),
    RequestField("whitespace_pattern", .string), RequestField("any_whitespace", .bool),
    .integer("max_thinking_tokens", limit),
    RequestField("custom_params", .object([.integer("thinking_budget", limit)])),
  ]

  private static let limit = 0...Int(Int32.max)

  /// Anthropic's form of an answer.
  private static let format = RequestField.Kind.object([
    RequestField("type", .string), RequestField("schema", .object([])),
  ])

  private static let thinking = RequestField(
    "thinking", .object([RequestField("type", .string), .integer("budget_tokens", limit)]))

  static let sampling =
    commonSampling + [
      .integer("seed"), .integer("max_tokens", limit), .integer("max_completion_tokens", limit),
      .integer("min_tokens", limit), RequestField("response_format", .object([RequestField("type", .string)])),
    ]

  static let nativeSampling =
    commonSampling + [
      .integer("sampling_seed"), .integer("max_new_tokens", limit), .integer("min_new_tokens", limit),
    ]

  /// What every generating route of OpenAI's reads around its prompt.
  static let delivery: [RequestField] = [
    RequestField("model", .string), RequestField("rid", .string), .integer("priority", -1_000_000...1_000_000),
    RequestField("cache_salt", .string), RequestField("extra_key", .string), RequestField("stream", .bool),
    RequestField(
      "stream_options",
      .object([RequestField("include_usage", .bool), RequestField("continuous_usage_stats", .bool)])),
  ]

  /// What makes a chat's prompt.
  static let conversation: [RequestField] = [
    RequestField("messages", .list), RequestField("tools", .list),
    RequestField("tool_choice", .oneOf([.string, .object([])])), RequestField("parallel_tool_calls", .bool),
    RequestField("separate_reasoning", .bool), RequestField("stream_reasoning", .bool),
    RequestField("reasoning_effort", .string),
    RequestField(
      "reasoning",
      .object([RequestField("enabled", .bool), RequestField("effort", .string), .integer("max_tokens", limit)])),
    thinking,
    RequestField("chat_template_kwargs", .object([])), RequestField("continue_final_message", .bool),
    RequestField("add_generation_prompt", .bool),
  ]

  static let chat =
    conversation + sampling + delivery + [
      RequestField("logprobs", .bool), .integer("top_logprobs", 0...20), RequestField("timing", .bool),
      RequestField("input_ids", .list), RequestField("return_token_ids", .bool), RequestField("functions", .list),
      RequestField("prediction", .object([])),
      RequestField("function_call", .oneOf([.string, .object([])])),
    ]

  static let response: [RequestField] = [
    RequestField("input", .oneOf([.string, .list])), RequestField("instructions", .string),
    RequestField("model", .string), RequestField("previous_response_id", .string), RequestField("store", .bool),
    RequestField("background", .bool), RequestField("stream", .bool), RequestField("tools", .list),
    RequestField("tool_choice", .oneOf([.string, .object([])])), RequestField("parallel_tool_calls", .bool),
    RequestField("text", .object([RequestField("format", .object([RequestField("type", .string)]))])),
    RequestField("reasoning", .object([RequestField("effort", .string)])),
    .integer("max_output_tokens", 1...Int(Int32.max)), RequestField("temperature", .number),
    RequestField("top_p", .number), RequestField("truncation", .string), RequestField("include", .strings),
    RequestField("metadata", .object([])), .integer("seed"), RequestField("stop", .strings), .integer("top_k"),
    RequestField("min_p", .number), RequestField("frequency_penalty", .number),
    RequestField("presence_penalty", .number), RequestField("repetition_penalty", .number),
    RequestField("stop_token_ids", .list), RequestField("ignore_eos", .bool),
    RequestField("chat_template_kwargs", .object([])), RequestField("cache_salt", .string),
    RequestField("extra_key", .string), .integer("priority", -1_000_000...1_000_000),
    RequestField("return_token_ids", .bool), RequestField("timing", .bool),
    .integer("max_thinking_tokens", limit),
    RequestField("whitespace_pattern", .string), RequestField("any_whitespace", .bool),
  ]

  static let completion =
    [
      RequestField("prompt", .oneOf([.string, .list])), RequestField("suffix", .string), RequestField("echo", .bool),
      .integer("logprobs", 0...20),
      .integer("best_of", 1...SamplingFields.maxChoices), RequestField("return_token_ids", .bool),
      RequestField("timing", .bool),
    ] + sampling + delivery

  static let generate: [RequestField] = [
    RequestField("text", .strings), RequestField("input_ids", .list),
    RequestField("sampling_params", .object(nativeSampling)), RequestField("rid", .strings),
    RequestField("return_logprob", .bool), .integer("logprob_start_len", -1...Int(Int32.max)),
    .integer("top_logprobs_num", 0...1000), RequestField("token_ids_logprob", .list),
    RequestField("return_text_in_logprobs", .bool), RequestField("stream", .bool),
    .integer("priority", -1_000_000...1_000_000), RequestField("cache_salt", .string),
    RequestField("extra_key", .string),
  ]

  static let anthropicPrompt: [RequestField] = [
    RequestField("system", .oneOf([.string, .list])), RequestField("messages", .list), RequestField("tools", .list),
    RequestField("tool_choice", .object([RequestField("type", .string)])),
  ]

  static let anthropic =
    anthropicPrompt + [
      RequestField("model", .string), .integer("max_tokens", 1...Int(Int32.max)), RequestField("temperature", .number),
      RequestField("top_p", .number), .integer("top_k"), RequestField("stop_sequences", .strings),
      RequestField("stream", .bool), thinking,
      RequestField(
        "output_config", .object([RequestField("effort", .string), RequestField("format", format)])),
      RequestField("output_format", format), .integer("seed"), RequestField("whitespace_pattern", .string),
      RequestField("any_whitespace", .bool), .integer("max_thinking_tokens", limit),
      RequestField("json_schema", .document), RequestField("regex", .string), RequestField("ebnf", .string),
      RequestField("return_token_ids", .bool), RequestField("timing", .bool),
      .integer("priority", -1_000_000...1_000_000), RequestField("cache_salt", .string),
    ]

  private static let ollama: [RequestField] = [
    RequestField("model", .string), RequestField("stream", .bool), RequestField("think", .oneOf([.bool, .string])),
    RequestField("logprobs", .bool), .integer("top_logprobs", 0...20),
    RequestField("truncate", .bool), RequestField("keep_alive", .oneOf([.number, .string])),
    RequestField("format", .oneOf([.string, .object([])])), RequestField("return_token_ids", .bool),
    RequestField("timing", .bool),
    RequestField("whitespace_pattern", .string), RequestField("any_whitespace", .bool),
    RequestField(
      "options",
      .object([
        .integer("num_predict"), .integer("num_ctx", 1...Int(Int32.max)), .integer("num_keep"),
        RequestField("temperature", .number), .integer("top_k"),
        RequestField("top_p", .number), RequestField("min_p", .number), .integer("seed"),
        RequestField("stop", .strings), RequestField("repeat_penalty", .number),
        RequestField("presence_penalty", .number), RequestField("frequency_penalty", .number),
        RequestField("regex", .string),
      ])),
  ]

  static let ollamaChat = [RequestField("messages", .list), RequestField("tools", .list)] + ollama
  static let ollamaGenerate =
    [
      RequestField("prompt", .string), RequestField("suffix", .string), RequestField("system", .string),
      RequestField("raw", .bool), RequestField("context", .list),
    ] + ollama

  static let embedding: [RequestField] = [
    RequestField("input", .oneOf([.string, .list])), RequestField("model", .string),
    RequestField("encoding_format", .string), .integer("dimensions", 1...Int(Int32.max)),
    .integer("priority", -1_000_000...1_000_000), RequestField("cache_salt", .string),
    RequestField("extra_key", .string),
  ]

  private static let ollamaEmbedOptions: [RequestField] = [
    RequestField("model", .string), RequestField("truncate", .bool), .integer("dimensions", 1...Int(Int32.max)),
    RequestField("keep_alive", .oneOf([.number, .string])),
    RequestField("options", .object([.integer("num_ctx", 1...Int(Int32.max))])),
  ]

  static let ollamaEmbed = [RequestField("input", .strings)] + ollamaEmbedOptions
  static let ollamaEmbedding = [RequestField("prompt", .string)] + ollamaEmbedOptions
}
