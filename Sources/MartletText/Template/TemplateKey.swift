/// A dictionary's key. Keys are equal where Python's are: 1, 1.0 and true are one key; texts are compared by code points.
enum TemplateKey: Hashable, Sendable {
  case none, undefined
  case integer(Int64)
  case double(Double)
  case text(JSONKey)
  case list([TemplateKey])
  case object(TemplateObject.ID)

  init(_ text: String) { self = .text(JSONKey(text: text)) }

  /// - Throws: for values that cannot be keys.
  init(_ value: TemplateValue) throws(TemplateError) {
    switch value {
    case .none: self = .none
    case .undefined: self = .undefined
    case .bool(let flag): self = .integer(flag ? 1 : 0)
    case .int(let number): self = .integer(number)
    case .double(let number):
      if let exact = Int64(exactly: number) { self = .integer(exact) } else { self = .double(number) }
    case .string(let text), .markup(let text): self = TemplateKey(text)
    case .object(let id): self = .object(id)
    case .sequence(let items) where items.isTuple:
      var keys: [TemplateKey] = []
      for item in items { keys.append(try TemplateKey(item)) }
      self = .list(keys)
    default: throw TemplateError("\(value.typeName) cannot be a key")
    }
  }
}
