import MartletText

/// What outlives a request.
extension AnswerShape {
  static let deletion = AnswerShape(always: [
    RequestField("id", .string), RequestField("object", .string), RequestField("deleted", .bool),
  ])

  static let page = AnswerShape(always: [
    RequestField("object", .string), RequestField("data", .listOf([RequestField("id", .string)])),
    RequestField("first_id", .string), RequestField("last_id", .string), RequestField("has_more", .bool),
  ])

  static let file = AnswerShape(always: [
    RequestField("id", .string), RequestField("object", .string), .integer("bytes"), .integer("created_at"),
    .integer("expires_at"), RequestField("filename", .string), RequestField("purpose", .string),
    RequestField("status", .string), RequestField("status_details", .string),
  ])

  static let batch = AnswerShape(
    always: [
      RequestField("id", .string), RequestField("object", .string), RequestField("endpoint", .string),
      RequestField("input_file_id", .string), RequestField("completion_window", .string),
      RequestField("status", .string), RequestField("output_file_id", .string), RequestField("error_file_id", .string),
      RequestField("request_counts", .object([.integer("total"), .integer("completed"), .integer("failed")])),
      RequestField("metadata", .object([])),
      RequestField(
        "errors",
        .object([
          RequestField("object", .string),
          RequestField(
            "data",
            .listOf([
              RequestField("code", .string), RequestField("message", .string), RequestField("param", .string),
              .integer("line"),
            ])),
        ])),
    ]
      + [
        "created", "in_progress", "expires", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled",
      ].map { RequestField.integer($0 + "_at") })

  static let modelInfo = AnswerShape(always: [
    RequestField("model_path", .string), RequestField("served_model_name", .string),
    RequestField("tokenizer_path", .string), RequestField("is_generation", .bool),
    RequestField("preferred_sampling_params", .object([])), RequestField("weight_version", .string),
    RequestField("load_format", .string), RequestField("reasoning_parser", .string),
    RequestField("tool_call_parser", .string), RequestField("disaggregation_mode", .string),
    RequestField("has_image_understanding", .bool), RequestField("has_audio_understanding", .bool),
    RequestField("model_type", .string), RequestField("architectures", .list),
  ])

  static let serverInfo = AnswerShape(always: [
    .integer("max_total_num_tokens"), .integer("max_running_requests"), .integer("context_length"),
    RequestField(
      "internal_states",
      .listOf(
        [
          "num_running_reqs", "num_queue_reqs", "page_size", "total_pages", "free_pages", "cached_pages",
          "leased_pages", "num_steps", "prompt_tokens", "cached_tokens", "generated_tokens", "num_retractions",
          "num_finished_reqs",
        ].map { RequestField.integer($0) })),
  ])
}
