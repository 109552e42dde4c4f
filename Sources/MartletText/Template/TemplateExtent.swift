/// How deep a value is and how much text it would be, roughly. Shared parts count each time they are met.
struct TemplateExtent: Sendable {
  private(set) var depth = 1
  private(set) var size = 1

  init() {}

  init(text: String) {
    depth = 0
    size = 1 + text.utf8.count
  }

  mutating func include(_ part: TemplateExtent) {
    depth = max(depth, part.depth + 1)
    let (sum, overflow) = size.addingReportingOverflow(part.size)
    size = overflow ? .max : sum
  }
}
