/// A value inside a template. Truth, text and comparison are Python's.
indirect enum TemplateValue: Sendable {
  case undefined(String)
  case none
  case bool(Bool)
  case int(Int64)
  case double(Double)
  case string(String)
  /// Text marked as safe: what is joined to it is escaped.
  case markup(String)
  case sequence(TemplateSequence)
  case dictionary(TemplateDictionary)
  case macro(TemplateMacro)
  case namespace(TemplateNamespace)
  /// A function of the environment: range, namespace, raise_exception ...
  case function(String)
  /// A method with the value it belongs to.
  case method(TemplateValue, String)

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

  /// Without the mark of safe text.
  var plain: TemplateValue { if case .markup(let text) = self { .string(text) } else { self } }

  var isUndefined: Bool { if case .undefined = self { true } else { false } }

  var isTrue: Bool {
    switch self {
    case .undefined, .none: false
    case .bool(let value): value
    case .int(let value): value != 0
    case .double(let value): value != 0
    case .string(let value), .markup(let value): !value.isEmpty
    case .sequence(let items): !items.isEmpty
    case .dictionary(let dictionary): !dictionary.keys.isEmpty
    case .macro, .namespace, .function, .method: true
    }
  }

  /// Python's `str()`.
  var text: String {
    switch self {
    case .undefined: ""
    case .string(let value), .markup(let value): value
    default: representation
    }
  }

  /// Python's `repr()`.
  var representation: String {
    switch self {
    case .undefined: "Undefined"
    case .none: "None"
    case .bool(let value): value ? "True" : "False"
    case .int(let value): String(value)
    case .double(let value): Self.text(of: value)
    case .string(let value): Self.quoted(value)
    case .markup(let value): "Markup(" + Self.quoted(value) + ")"
    case .sequence(let items):
      (items.isTuple ? "(" : "[") + items.map(\.representation).joined(separator: ", ")
        + (items.isTuple ? (items.count == 1 ? ",)" : ")") : "]")
    case .dictionary(let dictionary):
      "{"
        + dictionary.keys.map { $0.representation + ": " + (dictionary[$0] ?? .none).representation }.joined(
          separator: ", ") + "}"
    case .macro(let macro): "<Macro '\(macro.definition.name)'>"
    case .namespace: "<Namespace>"
    case .function(let name), .method(_, let name): "<function \(name)>"
    }
  }

  private static func text(of value: Double) -> String {
    if value.isNaN { return "nan" }
    if value.isInfinite { return value < 0 ? "-inf" : "inf" }
    return TemplateNumber.text(of: value)
  }

  private static func quoted(_ text: String) -> String {
    let quote: Character = text.contains("'") && !text.contains("\"") ? "\"" : "'"
    var result = String(quote)
    for character in text.unicodeScalars {
      switch character {
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case let scalar where Character(scalar) == quote: result += "\\\(quote)"
      case let scalar where TemplateText.isPrintable(scalar): result.unicodeScalars.append(scalar)
      default:
        let (mark, width) = character.value < 0x100 ? ("x", 2) : character.value < 0x10000 ? ("u", 4) : ("U", 8)
        let hex = String(character.value, radix: 16)
        result += "\\" + mark + String(repeating: "0", count: width - hex.count) + hex
      }
    }
    return result + String(quote)
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
    switch (plain, other.plain) {
    case (.undefined, .undefined), (.none, .none): return true
    case (.string(let a), .string(let b)): return a.unicodeScalars.elementsEqual(b.unicodeScalars)
    case (.sequence(let a), .sequence(let b)):
      return a.isTuple == b.isTuple && a.count == b.count && zip(a, b).allSatisfy { $0.equals($1) }
    case (.dictionary(let a), .dictionary(let b)):
      return a.keys.count == b.keys.count
        && a.keys.allSatisfy { key in b[key].map { (a[key] ?? .none).equals($0) } ?? false }
    default:
      if let a = integer, let b = other.integer { return a == b }
      if let a = number, let b = other.number { return a == b }
      return false
    }
  }

  /// Python's `<`; nil where the types have no order.
  func isLess(than other: TemplateValue) -> Bool? {
    switch (plain, other.plain) {
    case (.string(let a), .string(let b)): return a.unicodeScalars.lexicographicallyPrecedes(b.unicodeScalars)
    case (.sequence(let a), .sequence(let b)) where a.isTuple == b.isTuple:
      for (left, right) in zip(a, b) where !left.equals(right) { return left.isLess(than: right) }
      return a.count < b.count
    default:
      guard let a = number, let b = other.number else { return nil }
      return a < b
    }
  }

  /// What a `for` runs over; nil where the value is not iterable.
  var elements: [TemplateValue]? {
    switch self {
    case .undefined: []
    case .sequence(let items): items.items
    case .dictionary(let dictionary): dictionary.keys
    case .string(let text), .markup(let text): text.unicodeScalars.map { .string(String($0)) }
    default: nil
    }
  }

  /// Python's `len()`.
  var length: Int? {
    switch self {
    case .undefined: 0
    case .string(let text), .markup(let text): text.unicodeScalars.count
    case .sequence(let items): items.count
    case .dictionary(let dictionary): dictionary.keys.count
    default: nil
    }
  }
}
