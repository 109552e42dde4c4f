import MartletCore
import MartletText

/// OpenAI's predicted output: what a client thinks that the answer will be, such as the text it wants edited.
enum PredictionField {
  /// The tokens of `prediction`; none where it is absent.
  static func tokens(_ fields: RequestFields, model: ServedModel) throws(InvalidField) -> [TokenID] {
    guard let prediction = try fields.fields("prediction") else { return [] }
    guard try prediction.string("type") ?? "content" == "content" else {
      throw InvalidField(field: "prediction.type", reason: "must be \"content\"")
    }
    var text = ""
    switch prediction.value("content") {
    case .string(let content)?: text = content
    case .array(let parts)?:
      for (index, part) in parts.enumerated() {
        guard let piece = part["text"]?.stringValue else {
          throw InvalidField(field: "prediction.content[\(index)].text", reason: "must be a string")
        }
        text += piece
      }
    default: throw InvalidField(field: "prediction.content", reason: "must be a string or a list of parts")
    }
    let tokens = model.tokenizer.encode(text, addSpecialTokens: false, parseSpecialTokens: false)
    return Array(tokens.prefix(model.generator.limits.contextLength))
  }
}
