import MartletText

/// The dialect that a server is asked in.
package enum BenchBackend: String, Sendable, CaseIterable {
  case martlet, sglang
  case openAI = "openai"
  case openAIChat = "openai-chat"

  var path: String {
    switch self {
    case .martlet, .sglang: "/generate"
    case .openAI: "/v1/completions"
    case .openAIChat: "/v1/chat/completions"
    }
  }

  /// The body of a streamed request; nil when the dialect cannot carry the content.
  /// Fields of `extra` replace those that the load sets.
  func body(_ prompt: BenchPrompt, model: String, ignoresEnd: Bool, extra: JSONObject = JSONObject()) -> JSONValue? {
    guard var body = body(prompt, model: model, ignoresEnd: ignoresEnd) else { return nil }
    for (name, value) in extra.members { body[name] = value }
    return .object(body)
  }

  private func body(_ prompt: BenchPrompt, model: String, ignoresEnd: Bool) -> JSONObject? {
    let limit = JSONValue.int(Int64(prompt.outputLength))
    let content: JSONValue =
      switch prompt.content {
      case .text(let text): .string(text)
      case .tokens(let ids): .array(ids.map { .int(Int64($0)) })
      }
    var body: JSONObject
    switch self {
    case .martlet, .sglang:
      let key = content.arrayValue == nil ? "text" : "input_ids"
      return JSONObject([
        (key, content), ("stream", true),
        ("sampling_params", ["temperature": 0, "max_new_tokens": limit, "ignore_eos": .bool(ignoresEnd)]),
      ])
    case .openAI: body = JSONObject([("prompt", content)])
    case .openAIChat:
      guard case .text = prompt.content else { return nil }
      body = JSONObject([("messages", [["role": "user", "content": content]])])
    }
    body["model"] = .string(model)
    body["temperature"] = 0
    body["max_tokens"] = limit
    body["ignore_eos"] = .bool(ignoresEnd)
    body["stream"] = true
    body["stream_options"] = ["include_usage": true]
    return body
  }

  /// Reads one event into an outcome; true when it carried new text.
  func read(_ event: JSONValue, into outcome: inout BenchOutcome) -> Bool {
    if let message = event["error"]?["message"]?.stringValue ?? event["error"]?.stringValue { outcome.error = message }
    switch self {
    case .martlet, .sglang:
      let meta = event["meta_info"]
      let before = outcome.outputTokens
      outcome.inputTokens = meta?["prompt_tokens"]?.intValue ?? outcome.inputTokens
      outcome.outputTokens = meta?["completion_tokens"]?.intValue ?? outcome.outputTokens
      outcome.cachedTokens = meta?["cached_tokens"]?.intValue ?? outcome.cachedTokens
      outcome.text = event["text"]?.stringValue ?? outcome.text
      return outcome.outputTokens > before
    case .openAI, .openAIChat:
      if let usage = event["usage"], !usage.isNull {
        outcome.inputTokens = usage["prompt_tokens"]?.intValue ?? outcome.inputTokens
        outcome.outputTokens = usage["completion_tokens"]?.intValue ?? outcome.outputTokens
        outcome.cachedTokens = usage["prompt_tokens_details"]?["cached_tokens"]?.intValue ?? outcome.cachedTokens
      }
      guard let choice = event["choices"]?.arrayValue?.first else { return false }
      let piece =
        choice["text"]?.stringValue ?? choice["delta"]?["content"]?.stringValue
        ?? choice["delta"]?["reasoning_content"]?.stringValue ?? ""
      outcome.text += piece
      return !piece.isEmpty
    }
  }
}
