/// A dictionary's key. Keys are equal where Python's are: 1, 1.0 and true are one key; texts are compared by code points.
enum TemplateKey: Hashable, Sendable {
  case none
  case integer(Int64)
  case double(Double)
  case text([UInt8])
  case list([TemplateKey])

  /// nil for values that cannot be keys.
  init?(_ value: TemplateValue) {
    switch value {
    case .none: self = .none
    case .bool(let flag): self = .integer(flag ? 1 : 0)
    case .int(let number): self = .integer(number)
    case .double(let number):
      if let exact = Int64(exactly: number) { self = .integer(exact) } else { self = .double(number) }
    case .string(let text), .markup(let text): self = .text(Array(text.utf8))
    case .sequence(let items) where items.isTuple:
      var keys: [TemplateKey] = []
      for item in items {
        guard let key = TemplateKey(item) else { return nil }
        keys.append(key)
      }
      self = .list(keys)
    default: return nil
    }
  }
}
