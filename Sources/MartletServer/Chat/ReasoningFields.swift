import MartletCore
import MartletText

/// What a request says about reasoning: whether the model reasons, and where the reasoning goes.
struct ReasoningFields: Sendable {
  /// Reasoning gets a field of its own; else it stays in the content as the model wrote it.
  let isSeparate: Bool
  /// Reasoning comes while it is written.
  let streams: Bool
  /// Tokens of reasoning at most.
  let budget: ThinkingLimit?
  /// Template variables that switch reasoning.
  let variables: JSONObject

  init(_ fields: RequestFields) throws(InvalidField) {
    isSeparate = try fields.bool("separate_reasoning") ?? true
    streams = try fields.bool("stream_reasoning") ?? true
    var variables = JSONObject()
    let reasoning = try fields.fields("reasoning")
    var isOn = try reasoning?.bool("enabled")
    var effort = try fields.string("reasoning_effort")
    if effort == nil { effort = try reasoning?.string("effort") }
    if let effort {
      variables["reasoning_effort"] = .string(effort)
      isOn = isOn ?? (effort != "none")
    }
    if let thinking = try fields.fields("thinking"), let type = try thinking.string("type") {
      guard ["enabled", "disabled", "adaptive"].contains(type) else {
        throw InvalidField(field: "thinking.type", reason: "must be \"enabled\", \"disabled\" or \"adaptive\"")
      }
      isOn = type != "disabled"
    }
    budget = try ThinkingLimit(fields)
    // Some models are trained to know their budget.
    if let budget { variables["thinking_budget"] = .int(Int64(budget.tokens)) }
    if let isOn {
      // Families name their switch differently; a template ignores what it does not know.
      variables["enable_thinking"] = .bool(isOn)
      variables["thinking"] = .bool(isOn)
    }
    self.variables = variables
  }
}
