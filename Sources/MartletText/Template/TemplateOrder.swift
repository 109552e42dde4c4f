/// Sorting with Python's `<`.
enum TemplateOrder {
  /// Stable, also when reversed.
  static func sorted<Item>(
    _ items: [Item], isReversed: Bool = false, by key: (Item) -> TemplateValue
  ) throws(TemplateError) -> [Item] {
    var failure: (TemplateValue, TemplateValue)?
    let keyed = items.enumerated().map { (key: key($0.element), index: $0.offset, item: $0.element) }
    let order = keyed.sorted { a, b in
      guard failure == nil else { return a.index < b.index }
      guard let isBefore = a.key.isLess(than: b.key), let isAfter = b.key.isLess(than: a.key) else {
        failure = (a.key, b.key)
        return false
      }
      if isBefore || isAfter { return isBefore != isReversed }
      return a.index < b.index
    }
    if let failure {
      if case .undefined(let what) = failure.0 { throw TemplateError(what.message) }
      if case .undefined(let what) = failure.1 { throw TemplateError(what.message) }
      throw TemplateError("\(failure.0.typeName) and \(failure.1.typeName) have no order and cannot be sorted")
    }
    return order.map(\.item)
  }

  /// What filters compare: without case, unless asked.
  static func key(_ value: TemplateValue, caseSensitive: Bool) -> TemplateValue {
    guard !caseSensitive, let text = value.string else { return value }
    return .string(TemplateLetters.lowercased(text))
  }
}
