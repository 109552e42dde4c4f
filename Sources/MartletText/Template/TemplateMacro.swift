/// A macro with the number of the scope of its definition.
struct TemplateMacro: Sendable {
  let definition: TemplateNode.Macro
  let scope: Int

  func attribute(_ name: String) -> TemplateValue? {
    switch name {
    case "name": .string(definition.name)
    case "arguments": .tuple(definition.parameters.map { .string($0.name) })
    case "catch_kwargs": .bool(definition.takesKeywords)
    case "catch_varargs": .bool(definition.takesMore)
    case "caller": .bool(definition.takesCaller)
    default: nil
    }
  }
}
