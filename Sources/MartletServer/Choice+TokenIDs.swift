import MartletCore
import MartletText

extension Choice {
  /// What `return_token_ids` asks for: the prompt's tokens and the drawn ones, a stop token included.
  /// - Parameter name: the dialect's word for the drawn ones.
  func addTokenIDs(to object: inout JSONObject, as name: String = "response_token_ids") {
    object["prompt_token_ids"] = Self.json(prompt)
    object[name] = Self.json(assembler.tokens)
  }

  private static func json(_ tokens: [TokenID]) -> JSONValue { .array(tokens.map { .int(Int64($0.rawValue)) }) }
}
