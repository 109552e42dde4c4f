/// A macro with the variables around its definition.
struct TemplateMacro: Sendable {
  let definition: TemplateNode.Macro
  let scope: [String: TemplateValue]
  /// Of depth alone: variables are shared, not written.
  let extent: TemplateExtent

  init(definition: TemplateNode.Macro, scope: [String: TemplateValue]) {
    self.definition = definition
    self.scope = scope
    var extent = TemplateExtent()
    for value in scope.values { extent.include(depthOf: value.extent) }
    self.extent = extent
  }
}
