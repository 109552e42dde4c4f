/// What one rendering may spend. Every step counts, and so does the length of every text that is walked or made.
struct TemplateBudget {
  static let maxSteps = 5_000_000
  static let maxOutputBytes = 32 << 20
  static let maxItems = 1_000_000
  static let maxValueDepth = 500
  static let maxObjects = 1_000_000

  private var steps = 0

  mutating func step(_ count: Int = 1) throws(TemplateError) {
    steps += count
    guard steps <= Self.maxSteps else {
      throw TemplateError("rendering takes more than \(Self.maxSteps) steps", .budgetExceeded)
    }
  }

  mutating func charge(bytes: Int) throws(TemplateError) {
    guard bytes <= Self.maxOutputBytes else {
      throw TemplateError("a text is larger than \(Self.maxOutputBytes) bytes", .budgetExceeded)
    }
    try step(bytes / 64)
  }

  /// A piece that is added to a text of then `total` bytes.
  mutating func charge(text: String, total: Int) throws(TemplateError) {
    try step(text.utf8.count / 64)
    guard total <= Self.maxOutputBytes else { return try charge(bytes: total) }
  }

  mutating func charge(items: Int) throws(TemplateError) {
    guard items <= Self.maxItems else {
      throw TemplateError("a list is longer than \(Self.maxItems) items", .budgetExceeded)
    }
    try step(items / 8)
  }

  /// Refuses values that are too deep or too large to be walked.
  func check(_ extent: TemplateExtent) throws(TemplateError) {
    guard extent.depth <= Self.maxValueDepth, extent.size <= Self.maxOutputBytes else {
      throw TemplateError("a value is too deep or too large", .budgetExceeded)
    }
  }
}
