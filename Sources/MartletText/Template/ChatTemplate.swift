/// A compiled chat template (Jinja). Rendering has budgets on steps, output and nesting and cannot reach anything
/// outside its context.
package struct ChatTemplate: Sendable {
  package let source: String
  private let nodes: [TemplateNode]

  /// - Throws: a syntax error with line and column.
  package init(source: String) throws(TemplateError) {
    self.source = source
    nodes = try TemplateParser.parse(source)
  }

  /// Renders with the given top-level variables (messages, tools, add_generation_prompt, bos_token, ...).
  package func render(_ context: JSONObject, now: TemplateClock = .system) throws(TemplateError) -> String {
    var variables: [String: TemplateValue] = [:]
    for (key, value) in context.members { variables[key] = TemplateValue(value) }
    var evaluator = TemplateEvaluator(variables: variables, clock: now)
    defer { for namespace in evaluator.namespaces { namespace.removeAll() } }
    return try evaluator.render(nodes)
  }
}
