/// An expression with its place in the source.
struct TemplateExpression: Sendable {
  indirect enum Kind: Sendable {
    case literal(TemplateValue)
    case name(String)
    case list([TemplateExpression])
    case tuple([TemplateExpression])
    case dictionary([(TemplateExpression, TemplateExpression)])
    case attribute(TemplateExpression, String)
    case subscripted(TemplateExpression, TemplateExpression)
    case slice(TemplateExpression, TemplateExpression?, TemplateExpression?, TemplateExpression?)
    case call(TemplateExpression, Arguments)
    case filter(TemplateExpression, String, Arguments)
    case test(TemplateExpression, String, Arguments, negated: Bool)
    case not(TemplateExpression)
    case negate(TemplateExpression)
    case binary(String, TemplateExpression, TemplateExpression)
    case compare(TemplateExpression, [(String, TemplateExpression)])
    case conditional(TemplateExpression, condition: TemplateExpression, otherwise: TemplateExpression?)
  }

  struct Arguments: Sendable {
    var positional: [TemplateExpression] = []
    var named: [(String, TemplateExpression)] = []
  }

  let kind: Kind
  let line: Int
  let column: Int
}
