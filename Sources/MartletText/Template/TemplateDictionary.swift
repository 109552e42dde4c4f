/// An ordered dictionary of template values.
struct TemplateDictionary: Sendable {
  private(set) var keys: [TemplateValue] = []
  private(set) var extent = TemplateExtent()
  private var values: [TemplateKey: TemplateValue] = [:]

  subscript(name: String) -> TemplateValue? {
    get { values[.text(Array(name.utf8))] }
    set { if let newValue { _ = set(.string(name), newValue) } }
  }

  /// nil also for values that cannot be keys.
  subscript(key: TemplateValue) -> TemplateValue? { TemplateKey(key).flatMap { values[$0] } }

  /// False for values that cannot be keys.
  mutating func set(_ key: TemplateValue, _ value: TemplateValue) -> Bool {
    guard let hashed = TemplateKey(key) else { return false }
    extent.include(key.extent)
    extent.include(value.extent)
    if values.updateValue(value, forKey: hashed) == nil { keys.append(key) }
    return true
  }
}
