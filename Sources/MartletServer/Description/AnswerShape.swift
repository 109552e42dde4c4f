import MartletText

/// What a route's good answer holds, as /openapi.json describes it.
struct AnswerShape: Sendable {
  /// Fields that are always there, though some may be null.
  let always: [RequestField]
  /// Fields that are there when they were asked for.
  var sometimes: [RequestField] = []
  /// Whether a request for several answers gets a list of these.
  var mayBeList = false

  var schema: JSONValue {
    let object = RequestField.schema(of: always + sometimes, required: always.map(\.name))
    return mayBeList ? ["anyOf": [object, ["type": "array", "items": object]]] : object
  }
}

extension AnswerShape {
  private static let identity: [RequestField] = [
    RequestField("id", .string), RequestField("object", .string), RequestField("created", .integer(nil)),
    RequestField("model", .string),
  ]
  private static let usage = RequestField(
    "usage",
    .object([
      .integer("prompt_tokens"), .integer("completion_tokens"), .integer("total_tokens"), .integer("reasoning_tokens"),
      RequestField("prompt_tokens_details", .object([.integer("cached_tokens")])),
      RequestField(
        "completion_tokens_details",
        .object([
          .integer("reasoning_tokens"), .integer("accepted_prediction_tokens"), .integer("rejected_prediction_tokens"),
        ])),
    ]))
  private static let metadata = RequestField("metadata", .object([RequestField("weight_version", .string)]))
  private static let message = RequestField(
    "message",
    .object([
      RequestField("role", .string), RequestField("content", .string), RequestField("refusal", .string),
      RequestField("reasoning_content", .string),
      RequestField(
        "tool_calls",
        .listOf([
          RequestField("id", .string), .integer("index"), RequestField("type", .string),
          RequestField("function", .object([RequestField("name", .string), RequestField("arguments", .string)])),
        ])),
      RequestField("function_call", .object([RequestField("name", .string), RequestField("arguments", .string)])),
    ]))
  private static let ending: [RequestField] = [
    RequestField("finish_reason", .string), RequestField("matched_stop", .oneOf([.string, .integer(nil)])),
    RequestField("prompt_token_ids", .list),
  ]

  static let chat = AnswerShape(
    always: identity + [
      RequestField("system_fingerprint", .string), usage, metadata,
      RequestField(
        "choices",
        .listOf(
          ending + [
            .integer("index"), message, RequestField("logprobs", .object([RequestField("content", .list)])),
            RequestField("timing", .object([])), RequestField("response_token_ids", .list),
          ])),
    ])

  static let completion = AnswerShape(
    always: identity + [
      usage, metadata,
      RequestField(
        "choices",
        .listOf(
          ending + [
            .integer("index"), RequestField("text", .string), RequestField("logprobs", .object([])),
            RequestField("timing", .object([])), RequestField("token_ids", .list),
          ])),
    ])

  static let generation = AnswerShape(
    always: [
      RequestField("text", .string), RequestField("output_ids", .list),
      RequestField(
        "meta_info",
        .object([
          RequestField("id", .string), .integer("prompt_tokens"), .integer("completion_tokens"),
          .integer("cached_tokens"), RequestField("finish_reason", .object([RequestField("type", .string)])),
        ])),
    ], sometimes: [.integer("index")], mayBeList: true)

  static let anthropic = AnswerShape(
    always: [
      RequestField("id", .string), RequestField("type", .string), RequestField("role", .string),
      RequestField("model", .string), RequestField("content", .listOf([RequestField("type", .string)])),
      RequestField("stop_reason", .string), RequestField("stop_sequence", .string),
      RequestField(
        "usage",
        .object([
          .integer("input_tokens"), .integer("output_tokens"), .integer("cache_creation_input_tokens"),
          .integer("cache_read_input_tokens"),
        ])),
    ],
    sometimes: [
      RequestField("timing", .object([])), RequestField("prompt_token_ids", .list),
      RequestField("response_token_ids", .list),
    ])

  static let tokenCount = AnswerShape(always: [.integer("input_tokens")])

  private static let ollamaTimes: [RequestField] = [
    .integer("total_duration"), .integer("load_duration"), .integer("prompt_eval_count"), .integer("cached_tokens"),
    .integer("prompt_eval_duration"), .integer("eval_count"), .integer("eval_duration"),
    .integer("truncated_messages"), .integer("truncated_tokens"), RequestField("logprobs", .list),
    RequestField("timing", .object([])), RequestField("prompt_token_ids", .list),
    RequestField("response_token_ids", .list),
  ]
  private static let ollamaLine: [RequestField] = [
    RequestField("model", .string), RequestField("created_at", .string), RequestField("done", .bool),
    RequestField("done_reason", .string),
  ]

  static let ollamaChat = AnswerShape(
    always: ollamaLine + [
      RequestField(
        "message",
        .object([
          RequestField("role", .string), RequestField("content", .string), RequestField("thinking", .string),
          RequestField("tool_calls", .listOf([RequestField("function", .object([RequestField("name", .string)]))])),
        ]))
    ], sometimes: ollamaTimes)

  static let ollamaText = AnswerShape(
    always: ollamaLine + [RequestField("response", .string)],
    sometimes: ollamaTimes + [RequestField("thinking", .string)])

  static let ollamaModels = AnswerShape(always: [
    RequestField(
      "models",
      .listOf([
        RequestField("name", .string), RequestField("model", .string), RequestField("modified_at", .string),
        RequestField("expires_at", .string), .integer("size"), .integer("size_vram"), .integer("context_length"),
        RequestField("digest", .string), RequestField("details", .object([])),
      ]))
  ])

  static let ollamaModel = AnswerShape(always: [
    RequestField("modelfile", .string), RequestField("parameters", .string), RequestField("template", .string),
    RequestField("details", .object([])), RequestField("model_info", .object([])), RequestField("capabilities", .list),
    RequestField("modified_at", .string),
  ])

  static let embeddings = AnswerShape(always: [
    RequestField("object", .string), RequestField("model", .string),
    RequestField(
      "data",
      .listOf([
        RequestField("object", .string), .integer("index"), RequestField("embedding", .oneOf([.list, .string])),
      ])),
    RequestField(
      "usage",
      .object([
        .integer("prompt_tokens"), .integer("total_tokens"),
        RequestField("prompt_tokens_details", .object([.integer("cached_tokens")])),
      ])),
  ])

  static let ollamaEmbeddings = AnswerShape(
    always: [
      RequestField("model", .string), RequestField("embeddings", .list), .integer("total_duration"),
      .integer("load_duration"), .integer("prompt_eval_count"),
    ], sometimes: [.integer("truncated_tokens")])
  static let ollamaEmbedding = AnswerShape(always: [RequestField("embedding", .list)])

  static let version = AnswerShape(always: [RequestField("version", .string)])

  static let response = AnswerShape(
    always: [
      RequestField("id", .string), RequestField("object", .string), .integer("created_at"), .integer("completed_at"),
      RequestField("status", .string), RequestField("background", .bool), RequestField("error", .object([])),
      RequestField("incomplete_details", .object([RequestField("reason", .string)])),
      RequestField("instructions", .string), .integer("max_output_tokens"), RequestField("model", .string),
      RequestField("output", .listOf([RequestField("type", .string), RequestField("id", .string)])),
      RequestField("parallel_tool_calls", .bool), RequestField("previous_response_id", .string),
      RequestField("reasoning", .object([])), RequestField("service_tier", .string), RequestField("store", .bool),
      RequestField("temperature", .number), RequestField("text", .object([])),
      RequestField("tool_choice", .oneOf([.string, .object([])])), RequestField("tools", .list),
      RequestField("top_p", .number), RequestField("truncation", .string), RequestField("user", .string),
      RequestField("metadata", .object([])),
      RequestField(
        "usage", .object([.integer("input_tokens"), .integer("output_tokens"), .integer("total_tokens")])),
    ],
    sometimes: [
      RequestField("timing", .object([])), RequestField("prompt_token_ids", .list),
      RequestField("response_token_ids", .list),
    ])

  private static let modelCard: [RequestField] = [
    RequestField("id", .string), RequestField("object", .string), .integer("created"),
    RequestField("owned_by", .string), RequestField("root", .string), RequestField("parent", .string),
    .integer("max_model_len"),
  ]
  static let model = AnswerShape(always: modelCard)
  static let models = AnswerShape(always: [RequestField("object", .string), RequestField("data", .listOf(modelCard))])

  static let tokens = AnswerShape(always: [
    RequestField("tokens", .list), RequestField("count", .oneOf([.integer(nil), .list])), .integer("max_model_len"),
  ])
  static let text = AnswerShape(always: [RequestField("text", .strings)])
  static let reasoning = AnswerShape(always: [RequestField("reasoning_text", .string), RequestField("text", .string)])
  static let calls = AnswerShape(always: [
    RequestField("normal_text", .string),
    RequestField(
      "calls",
      .listOf([.integer("tool_index"), RequestField("name", .string), RequestField("parameters", .string)])),
  ])
}
