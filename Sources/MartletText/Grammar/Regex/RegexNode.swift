/// A parsed regular expression.
indirect enum RegexNode: Sendable {
  case empty
  case set(CodePointSet)
  case sequence([RegexNode])
  case choice([RegexNode])
  case repetition(RegexNode, minimum: Int32, maximum: Int32?)
  case start
  case end
  case lookahead(RegexNode, negated: Bool)

  /// Whether an anchor or a lookahead occurs inside: they look at what is around them.
  var isContextual: Bool {
    switch self {
    case .empty, .set: false
    case .start, .end, .lookahead: true
    case .sequence(let parts), .choice(let parts): parts.contains(where: \.isContextual)
    case .repetition(let part, _, _): part.isContextual
    }
  }
}
