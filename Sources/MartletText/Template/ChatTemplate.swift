/// A compiled chat template (Jinja). Rendering has budgets on steps, output and nesting and cannot reach anything
/// outside its context.
package struct ChatTemplate: Sendable {
  package let source: String
  private let program: TemplateProgram

  /// - Throws: a syntax error with line and column.
  package init(source: String) throws(TemplateError) {
    self.source = source
    program = try TemplateParser.parse(source)
  }

  /// Renders with the given top-level variables (messages, tools, add_generation_prompt, bos_token, ...).
  package func render(_ context: JSONObject, now: TemplateClock = .system) throws(TemplateError) -> String {
    var variables: [String: TemplateValue] = [:]
    for (key, value) in context.members { variables[key] = TemplateValue(value) }
    var evaluator = TemplateEvaluator(program: program, variables: variables, clock: now)
    do { return try evaluator.render() } catch { throw error.at(TemplatePlace(line: 1, column: 1)) }
  }
}
