/// An ordered dictionary of template values with text keys.
struct TemplateDictionary: Sendable {
  private(set) var keys: [String] = []
  private var values: [String: TemplateValue] = [:]

  subscript(key: String) -> TemplateValue? {
    get { values[key] }
    set {
      guard let newValue else { return }
      if values.updateValue(newValue, forKey: key) == nil { keys.append(key) }
    }
  }
}
