import MartletText

/// What a generation's text must look like. Every token that is drawn keeps to it; what cannot be enforced exactly is
/// refused before the generation starts.
public enum OutputForm: Sendable, Hashable {
  /// Instances of a JSON Schema (draft 2020-12 or draft 7), given as JSON.
  case jsonSchema(String)
  /// Any JSON object.
  case jsonObject
  /// Texts that a regular expression matches from end to end.
  case regex(String)
  /// Texts of a grammar: GBNF or EBNF with a rule `root`, or Lark's notation with a rule `start`.
  case grammar(String)
  case choice([String])
  /// Text with tagged parts, as SGLang's `structural_tag` describes it.
  case structuralTag(String)

  func source(whitespace: JSONWhitespaceForm = .any) -> GrammarSource {
    switch self {
    case .jsonSchema(let text): .jsonSchema(text, whitespace.grammar)
    case .jsonObject: .jsonSchema(#"{"type":"object"}"#, whitespace.grammar)
    case .regex(let pattern): .regex(pattern)
    case .grammar(let text): .grammar(text)
    case .choice(let texts): .choice(texts)
    case .structuralTag(let text): .structuralTag(text)
    }
  }
}
