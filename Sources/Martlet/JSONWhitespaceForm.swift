package import MartletText

/// White space between the tokens of JSON that is held to a schema.
public enum JSONWhitespaceForm: Sendable, Hashable {
  /// What the model likes.
  case any
  case none
  /// One space behind commas and colons.
  case separators
  /// What a regular expression matches.
  case pattern(String)

  package var grammar: JSONWhitespace {
    switch self {
    case .any: .any
    case .none: .none
    case .separators: .separators
    case .pattern(let pattern): .pattern(pattern)
    }
  }
}
