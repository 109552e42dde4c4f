/// Why a grammar is refused.
package struct GrammarError: Error, Equatable, Sendable {
  package enum Kind: Sendable, Equatable {
    /// Not a well-formed schema, expression or grammar.
    case invalid
    /// Well formed, but it matches no text.
    case empty
    /// Well formed, but it cannot be enforced exactly.
    case unsupported
    /// Over a budget of size, depth or time.
    case tooLarge
  }

  package let kind: Kind
  /// A JSON pointer ("#/properties/a") or a place in the text ("line 3, column 7", "offset 12").
  package let location: String
  /// The keyword, construct or budget at fault.
  package let construct: String
  package let reason: String

  package init(_ kind: Kind, at location: String, _ construct: String, _ reason: String) {
    self.kind = kind
    self.location = location
    self.construct = construct
    self.reason = reason
  }

  /// A sentence for the client.
  package var message: String { "\(construct) at \(location) \(reason)" }
}
