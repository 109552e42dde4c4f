import MartletCore
import MartletText

/// The prompts of a request: a string, a list of strings, a list of token ids, or a list of such lists.
struct PromptList {
  /// Prompts of one request.
  static let limit = 2048

  let prompts: [[TokenID]]

  /// - Parameter key: the field that holds them.
  init(_ fields: RequestFields, _ key: String, model: ServedModel) throws(InvalidField) {
    guard let value = fields.value(key) else { throw InvalidField(field: key, reason: "is missing") }
    if let text = value.stringValue {
      prompts = [model.tokenizer.encode(text, addSpecialTokens: true)]
      return
    }
    guard let list = value.arrayValue, let first = list.first, list.count <= Self.limit || first.intValue != nil else {
      throw InvalidField(
        field: key, reason: "must be a string, a list of up to \(Self.limit) strings, or token ids")
    }
    if first.intValue != nil {
      prompts = [try RequestFields.tokens(list, field: key)]
      return
    }
    var prompts: [[TokenID]] = []
    for (index, item) in list.enumerated() {
      if let text = item.stringValue {
        prompts.append(model.tokenizer.encode(text, addSpecialTokens: true))
      } else if let ids = item.arrayValue {
        prompts.append(try RequestFields.tokens(ids, field: "\(key)[\(index)]"))
      } else {
        throw InvalidField(field: "\(key)[\(index)]", reason: "must be a string or a list of token ids")
      }
    }
    self.prompts = prompts
  }
}
