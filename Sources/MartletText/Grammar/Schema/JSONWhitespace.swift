/// White space between the tokens of a JSON document.
package enum JSONWhitespace: Sendable, Hashable {
  /// Any amount that RFC 8259 allows. A generation is kept from writing nothing else: see `WhitespaceRun`.
  case any
  /// None.
  case none
  /// One space behind each comma and colon.
  case separators
  /// What a regular expression matches, between any two tokens.
  case pattern(String)
}
