import MartletCore
import MartletText

/// How many tokens a request lets the model reason, in the words of several dialects.
struct ThinkingLimit: Sendable {
  let tokens: Int
  private let field: String
  /// Clients of some dialects always name a budget; a model that does not reason keeps it.
  private let isOptional: Bool

  /// Reads `max_thinking_tokens`, `custom_params.thinking_budget`, `reasoning.max_tokens` and `thinking.budget_tokens`.
  init?(_ fields: RequestFields) throws(InvalidField) {
    let places: [(fields: RequestFields?, key: String, isOptional: Bool)] = [
      (fields, "max_thinking_tokens", false), (try fields.fields("custom_params"), "thinking_budget", false),
      (try fields.fields("reasoning"), "max_tokens", false),
      (try fields.fields("thinking"), "budget_tokens", true),
    ]
    for place in places {
      guard let fields = place.fields, let tokens = try fields.integer(place.key, in: 0...Int(Int32.max)) else {
        continue
      }
      self.tokens = tokens
      field = fields.name(place.key)
      isOptional = place.isOptional
      return
    }
    return nil
  }

  /// `constraint` with the limit around it.
  /// - Parameters:
  ///   - prompt: its end.
  ///   - continuation: the text that the answer continues.
  func limiting(
    _ constraint: (any TokenConstraint)?, prompt: String, continuation: String? = nil, model: ServedModel
  ) throws(InvalidField) -> (any TokenConstraint)? {
    guard let format = model.formats.reasoning else {
      if isOptional { return constraint }
      throw InvalidField(field: field, reason: "needs a model that reasons: name its format with --reasoning-parser")
    }
    return ThinkingBudget(
      limit: tokens, format: format, prompt: prompt, continuation: continuation, tokenizer: model.tokenizer,
      inner: constraint)
  }
}
