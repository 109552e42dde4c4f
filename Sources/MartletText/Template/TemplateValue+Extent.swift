extension TemplateValue {
  static func list(_ items: [TemplateValue]) -> TemplateValue { .sequence(TemplateSequence(items, isTuple: false)) }

  static func tuple(_ items: [TemplateValue]) -> TemplateValue { .sequence(TemplateSequence(items, isTuple: true)) }

  /// Constant time. A namespace is a leaf: it is never walked.
  var extent: TemplateExtent {
    switch self {
    case .string(let text), .markup(let text): return TemplateExtent(text: text)
    case .sequence(let items): return items.extent
    case .dictionary(let dictionary): return dictionary.extent
    case .macro(let macro): return macro.extent
    case .method(let value, _):
      var extent = TemplateExtent()
      extent.include(value.extent)
      return extent
    case .undefined, .none, .bool, .int, .double, .namespace, .function: return TemplateExtent(text: "")
    }
  }
}
