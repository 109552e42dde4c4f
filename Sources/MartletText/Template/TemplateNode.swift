/// A statement of a template.
indirect enum TemplateNode: Sendable {
  struct Loop: Sendable {
    let targets: [String]
    let iterable: TemplateExpression
    let condition: TemplateExpression?
    let body: [TemplateNode]
    let otherwise: [TemplateNode]
  }

  struct Macro: Sendable {
    let name: String
    let parameters: [(name: String, value: TemplateExpression?)]
    let body: [TemplateNode]
  }

  enum Target: Sendable {
    case names([String])
    case attribute(String, String)
  }

  case text(String)
  case output(TemplateExpression)
  case condition([(TemplateExpression, [TemplateNode])], otherwise: [TemplateNode])
  case loop(Loop)
  case set(Target, TemplateExpression)
  case setBlock(String, filters: [(String, TemplateExpression.Arguments)], [TemplateNode], line: Int)
  case macro(Macro)
  case call(Macro, TemplateExpression)
  case filterBlock([(String, TemplateExpression.Arguments)], [TemplateNode], line: Int)
  case group([TemplateNode])
  case breakLoop, continueLoop
}
