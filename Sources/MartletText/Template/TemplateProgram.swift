/// A parsed template.
struct TemplateProgram: Sendable {
  var body: [TemplateNode] = []
  var blocks: [String: [TemplateNode]] = [:]
}
