/// A value inside a template. Truth, comparison and iteration are Python's.
enum TemplateValue: Sendable {
  case undefined(TemplateUndefined)
  case none
  case bool(Bool)
  case int(Int64)
  case double(Double)
  case string(String)
  /// Text marked as safe: what is joined to it is escaped.
  case markup(String)
  case sequence(TemplateSequence)
  case range(TemplateRange)
  case dictionary(TemplateDictionary)
  case view(TemplateDictionary, TemplateDictionary.View)
  case macro(TemplateMacro)
  case function(TemplateFunction)
  /// A method with the value it belongs to.
  indirect case method(TemplateValue, String)
  case object(TemplateObject.ID)

  init(_ json: JSONValue) {
    switch json {
    case .null: self = .none
    case .bool(let value): self = .bool(value)
    case .int(let value): self = .int(value)
    case .double(let value): self = .double(value)
    case .string(let value): self = .string(value)
    case .array(let items): self = .list(items.map { TemplateValue($0) })
    case .object(let object):
      var dictionary = TemplateDictionary()
      for (key, value) in object.members { dictionary[key] = TemplateValue(value) }
      self = .dictionary(dictionary)
    }
  }

  static func list(_ items: [TemplateValue]) -> TemplateValue { .sequence(TemplateSequence(items, .list)) }

  static func tuple(_ items: [TemplateValue]) -> TemplateValue { .sequence(TemplateSequence(items, .tuple)) }

  /// Without the mark of safe text.
  var plain: TemplateValue { if case .markup(let text) = self { .string(text) } else { self } }

  /// The text of a text.
  var string: String? {
    switch self {
    case .string(let text), .markup(let text): text
    default: nil
    }
  }

  var isUndefined: Bool { if case .undefined = self { true } else { false } }
  var isNone: Bool { if case .none = self { true } else { false } }

  var isTrue: Bool {
    switch self {
    case .undefined, .none: false
    case .bool(let value): value
    case .int(let value): value != 0
    case .double(let value): value != 0
    case .string(let value), .markup(let value): !value.isEmpty
    case .sequence(let items): !items.isEmpty
    case .range(let range): range.count > 0
    case .dictionary(let dictionary), .view(let dictionary, _): !dictionary.isEmpty
    case .macro, .function, .method, .object: true
    }
  }

  /// Python's name of the type.
  var typeName: String {
    switch self {
    case .undefined: "Undefined"
    case .none: "None"
    case .bool: "bool"
    case .int: "int"
    case .double: "float"
    case .string: "str"
    case .markup: "Markup"
    case .sequence(let items): items.isTuple ? "tuple" : "list"
    case .range: "range"
    case .dictionary: "dict"
    case .view(_, let view): "dict_" + view.rawValue
    case .macro: "macro"
    case .function, .method: "function"
    case .object: "object"
    }
  }

  /// A number, with booleans as 0 and 1.
  var number: Double? {
    switch self {
    case .bool(let value): value ? 1 : 0
    case .int(let value): Double(value)
    case .double(let value): value
    default: nil
    }
  }

  var integer: Int64? {
    switch self {
    case .bool(let value): value ? 1 : 0
    case .int(let value): value
    default: nil
    }
  }

  /// Python's `==`.
  func equals(_ other: TemplateValue) -> Bool {
    switch (self, other) {
    case (.undefined, .undefined), (.none, .none): return true
    case (.sequence(let a), .sequence(let b)):
      return a.isTuple == b.isTuple && a.count == b.count && zip(a, b).allSatisfy { $0.equals($1) }
    case (.dictionary(let a), .dictionary(let b)): return a.equals(b)
    case (.range(let a), .range(let b)):
      return a.count == b.count && (a.count == 0 || (a.start == b.start && (a.count == 1 || a.step == b.step)))
    case (.object(let a), .object(let b)): return a == b
    case (.function(let a), .function(let b)): return a == b
    default:
      if let a = string, let b = other.string { return a.utf8.elementsEqual(b.utf8) }
      if let a = integer, let b = other.integer { return a == b }
      if let a = number, let b = other.number { return a == b }
      return false
    }
  }

  /// Python's `<`; nil where the types have no order.
  func isLess(than other: TemplateValue) -> Bool? {
    if let a = integer, let b = other.integer { return a < b }
    if let a = number, let b = other.number { return a < b }
    if let a = string, let b = other.string { return a.utf8.lexicographicallyPrecedes(b.utf8) }
    guard case (.sequence(let a), .sequence(let b)) = (self, other), a.isTuple == b.isTuple else { return nil }
    for (left, right) in zip(a, b) where !left.equals(right) { return left.isLess(than: right) }
    return a.count < b.count
  }

  /// What a `for` runs over; nil where the value is not iterable, and for iterators, whose items the runtime has.
  var elements: [TemplateValue]? {
    switch self {
    case .undefined: []
    case .sequence(let items): items.items
    case .range(let range): range.elements
    case .dictionary(let dictionary): dictionary.keys
    case .view(let dictionary, let view): dictionary.elements(view)
    case .string(let text): text.unicodeScalars.map { .string(String($0)) }
    case .markup(let text): text.unicodeScalars.map { .markup(String($0)) }
    default: nil
    }
  }

  /// Python's `len()`; linear in a text.
  var length: Int? {
    switch self {
    case .undefined: 0
    case .string(let text), .markup(let text): text.unicodeScalars.count
    case .sequence(let items): items.count
    case .range(let range): range.count
    case .dictionary(let dictionary), .view(let dictionary, _): dictionary.keys.count
    default: nil
    }
  }

  /// Constant time. Objects are leaves: they are never walked.
  var extent: TemplateExtent {
    switch self {
    case .string(let text), .markup(let text): return TemplateExtent(text: text)
    case .sequence(let items): return items.extent
    case .dictionary(let dictionary), .view(let dictionary, _): return dictionary.extent
    case .method(let value, _):
      var extent = TemplateExtent()
      extent.include(value.extent)
      return extent
    default: return TemplateExtent(text: "")
    }
  }
}
