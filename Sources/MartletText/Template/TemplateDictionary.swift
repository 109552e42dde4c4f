/// An ordered dictionary of template values.
struct TemplateDictionary: Sendable {
  private(set) var keys: [TemplateValue] = []
  private(set) var extent = TemplateExtent()
  private var values: [TemplateKey: TemplateValue] = [:]

  /// Python's `dict_keys`, `dict_values` and `dict_items`.
  enum View: String, Sendable { case keys, values, items }

  subscript(name: String) -> TemplateValue? {
    get { values[TemplateKey(name)] }
    set { if let newValue { insert(newValue, TemplateKey(name), .string(name)) } }
  }

  subscript(key: TemplateValue) -> TemplateValue? {
    get throws(TemplateError) { values[try TemplateKey(key)] }
  }

  mutating func set(_ key: TemplateValue, _ value: TemplateValue) throws(TemplateError) {
    insert(value, try TemplateKey(key), key)
  }

  private mutating func insert(_ value: TemplateValue, _ hashed: TemplateKey, _ key: TemplateValue) {
    extent.include(key.extent)
    extent.include(value.extent)
    if values.updateValue(value, forKey: hashed) == nil { keys.append(key) }
  }

  var members: [(key: TemplateValue, value: TemplateValue)] {
    keys.map { key in
      guard let hashed = try? TemplateKey(key) else { return (key, .none) }
      return (key, values[hashed] ?? .none)
    }
  }

  var isEmpty: Bool { keys.isEmpty }

  func elements(_ view: View) -> [TemplateValue] {
    switch view {
    case .keys: keys
    case .values: members.map(\.value)
    case .items: members.map { .tuple([$0.key, $0.value]) }
    }
  }

  func equals(_ other: TemplateDictionary) -> Bool {
    values.count == other.values.count
      && values.allSatisfy { key, value in other.values[key].map { value.equals($0) } ?? false }
  }
}
