/// A request field whose value is not allowed: the client's fault, HTTP 400.
package struct InvalidField: Error, Equatable, Sendable {
  package let field: String
  /// Completes the sentence "`field` ...": "must be between 0 and 2, got 3".
  package let reason: String
  package init(field: String, reason: String) {
    self.field = field
    self.reason = reason
  }
}
