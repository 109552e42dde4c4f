import MartletCore
import MartletText

/// A response as clients see it, at any time of its life.
struct ResponseObject: Sendable {
  enum Status: String, Sendable {
    case queued, completed, failed, incomplete, cancelled
    case inProgress = "in_progress"
  }

  let id: String
  private var json: JSONObject

  /// - Parameter fields: the request, whose settings the response repeats.
  /// - Parameter sampling: what applies where the request says nothing.
  init(
    id: String, created: Int, model: String, fields: RequestFields,
    sampling: SamplingParameters.Fields = SamplingParameters.Fields()
  ) {
    self.id = id
    json = [
      "id": .string(id), "object": "response", "created_at": .int(Int64(created)), "status": "in_progress",
      "background": fields.value("background") ?? false, "completed_at": .null, "error": .null,
      "incomplete_details": .null, "instructions": fields.value("instructions") ?? .null,
      "max_output_tokens": fields.value("max_output_tokens") ?? .null, "model": .string(model), "output": [],
      "parallel_tool_calls": fields.value("parallel_tool_calls") ?? true,
      "previous_response_id": fields.value("previous_response_id") ?? .null,
      "reasoning": ["effort": fields.value("reasoning")?["effort"] ?? .null, "summary": .null],
      "service_tier": "default", "store": fields.value("store") ?? true,
      "temperature": fields.value("temperature") ?? .double(sampling.temperature),
      "text": ["format": fields.value("text")?["format"] ?? ["type": "text"]],
      "tool_choice": fields.value("tool_choice") ?? "auto", "tools": fields.value("tools") ?? [],
      "top_p": fields.value("top_p") ?? .double(sampling.topP), "truncation": "disabled", "usage": .null,
      "user": fields.value("user") ?? .null, "metadata": fields.value("metadata") ?? .object(JSONObject()),
    ]
  }

  /// Reads what `value` wrote.
  init(id: String, stored: [UInt8]) throws {
    self.id = id
    json = try RequestFields(JSONValue(parsing: stored)).object
  }

  var value: JSONValue { .object(json) }
  var output: [JSONValue] { json["output"]?.arrayValue ?? [] }
  var isBackground: Bool { json["background"]?.boolValue ?? false }

  var status: Status {
    get { json["status"]?.stringValue.flatMap { Status(rawValue: $0) } ?? .failed }
    set { json["status"] = .string(newValue.rawValue) }
  }

  /// Where the request's time went, if its client wants to know.
  var timing: JSONValue? {
    get { json["timing"] }
    set { json["timing"] = newValue }
  }

  /// - Parameter time: seconds since 1970.
  mutating func finish(_ choice: Choice, output: [JSONValue], at time: Int) {
    json["output"] = .array(output)
    json["usage"] = Self.usage(choice)
    switch choice.finishReason {
    case "length":
      status = .incomplete
      json["incomplete_details"] = ["reason": "max_output_tokens"]
    case "abort": status = .cancelled
    default:
      status = .completed
      json["completed_at"] = .int(Int64(time))
    }
  }

  mutating func addTokenIDs(_ choice: Choice) { choice.addTokenIDs(to: &json) }

  mutating func fail(_ message: String) {
    status = .failed
    json["error"] = ["code": "server_error", "message": .string(message)]
  }

  private static func usage(_ choice: Choice) -> JSONValue {
    let input = Int64(choice.prompt.count), output = Int64(choice.assembler.tokens.count)
    return [
      "input_tokens": .int(input),
      "input_tokens_details": [
        "cached_tokens": .int(Int64(choice.assembler.usage.cachedTokens)),
        "cache_write_tokens": .int(Int64(choice.assembler.usage.writtenTokens)),
      ],
      "output_tokens": .int(output), "output_tokens_details": ["reasoning_tokens": .int(Int64(choice.reasoningTokens))],
      "total_tokens": .int(input + output),
    ]
  }
}
