/// A statement of a template.
struct TemplateNode: Sendable {
  struct Loop: Sendable {
    let target: Target
    let iterable: TemplateExpression
    let condition: TemplateExpression?
    let body: [TemplateNode]
    let otherwise: [TemplateNode]
    let isRecursive: Bool
    /// Whether the body mentions `loop`.
    let usesLoop: Bool
  }

  struct Macro: Sendable {
    let name: String
    let parameters: [(name: String, value: TemplateExpression?)]
    let body: [TemplateNode]
    /// Whether the body mentions `caller`, `kwargs` and `varargs`.
    let takesCaller: Bool
    let takesKeywords: Bool
    let takesMore: Bool
  }

  indirect enum Target: Sendable {
    case name(String)
    case member(namespace: String, String)
    case several([Target])
  }

  struct Filter: Sendable {
    let filter: TemplateFilter
    let arguments: TemplateExpression.Arguments
  }

  indirect enum Kind: Sendable {
    case text(String)
    case output([TemplateExpression])
    case condition([(test: TemplateExpression, body: [TemplateNode])], otherwise: [TemplateNode])
    case loop(Loop)
    case set(Target, TemplateExpression)
    case setBlock(Target, [Filter], [TemplateNode])
    case macro(Macro)
    case call(Macro, callee: TemplateExpression, TemplateExpression.Arguments)
    case filterBlock([Filter], [TemplateNode])
    case with([(target: Target, value: TemplateExpression)], [TemplateNode])
    case block(name: String, isScoped: Bool)
    case breakLoop, continueLoop
  }

  let kind: Kind
  let place: TemplatePlace
}
