/// An expression with its place in the source.
struct TemplateExpression: Sendable {
  indirect enum Kind: Sendable {
    case literal(TemplateValue)
    case name(String)
    case list([TemplateExpression])
    case tuple([TemplateExpression])
    case dictionary([(key: TemplateExpression, value: TemplateExpression)])
    case attribute(TemplateExpression, String)
    case subscripted(TemplateExpression, TemplateExpression)
    case slice(TemplateExpression, lower: TemplateExpression?, upper: TemplateExpression?, step: TemplateExpression?)
    case call(TemplateExpression, Arguments)
    case filter(TemplateExpression, TemplateFilter, Arguments)
    case test(TemplateExpression, TemplateTest, Arguments)
    case not(TemplateExpression)
    case signed(TemplateExpression, isNegative: Bool)
    case concatenation([TemplateExpression])
    case binary(TemplateOperator, TemplateExpression, TemplateExpression)
    case both(TemplateExpression, TemplateExpression)
    case either(TemplateExpression, TemplateExpression)
    case compare(TemplateExpression, [(comparison: TemplateComparison, value: TemplateExpression)])
    case conditional(TemplateExpression, condition: TemplateExpression, otherwise: TemplateExpression?)
    /// A filter or test that does not exist, where it need not be reached.
    case fault(String)
  }

  struct Arguments: Sendable {
    var positional: [TemplateExpression] = []
    var named: [(name: String, value: TemplateExpression)] = []
    /// `*more` and `**more`.
    var morePositional: TemplateExpression?
    var moreNamed: TemplateExpression?

    var all: [TemplateExpression] {
      positional + named.map(\.value) + [morePositional, moreNamed].compactMap { $0 }
    }
  }

  let kind: Kind
  let place: TemplatePlace
  /// Levels of expressions in it; bounded, so that nothing that walks or frees it needs much stack.
  let depth: Int
}
