/// A macro with the variables around its definition.
struct TemplateMacro: Sendable {
  let definition: TemplateNode.Macro
  let scope: [String: TemplateValue]
}
