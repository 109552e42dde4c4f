/// Writes template values as Python's json module does, with the options that transformers gives its `tojson`.
struct TemplateJSON {
  private let indent: String?
  private let separators: (item: String, key: String)
  private let sortsKeys: Bool
  private let ensuresASCII: Bool
  private(set) var text = ""

  static let parameters = TemplateParameters("ensure_ascii indent separators sort_keys")

  /// - Parameter options: the arguments that belong to `parameters`.
  init(options: [TemplateValue?]) throws(TemplateError) {
    ensuresASCII = options[0]?.isTrue ?? false
    switch options[1] {
    case nil, .none?: indent = nil
    case .string(let text)?, .markup(let text)?: indent = text
    case let value?:
      guard let width = value.integer else { throw TemplateError("tojson: indent must be an integer or a text") }
      indent = String(repeating: " ", count: Int(min(max(0, width), 64)))
    }
    switch options[2] {
    case nil, .none?: separators = (indent == nil ? ", " : ",", ": ")
    case .sequence(let pair)? where pair.count == 2:
      guard let item = pair[0].string, let key = pair[1].string else { fallthrough }
      separators = (item, key)
    default: throw TemplateError("tojson: separators must be two texts")
    }
    sortsKeys = options[3]?.isTrue ?? false
  }

  /// - Parameter depth: how many containers are around the value.
  mutating func write(_ value: TemplateValue, depth: Int = 0) throws(TemplateError) {
    guard text.utf8.count <= TemplateBudget.maxOutputBytes else {
      throw TemplateError("the JSON is larger than \(TemplateBudget.maxOutputBytes) bytes", .budgetExceeded)
    }
    switch value {
    case .none: text += "null"
    case .bool(let flag): text += flag ? "true" : "false"
    case .int(let number): text += String(number)
    case .double(let number):
      text +=
        number.isFinite
        ? TemplateNumber.text(of: number) : number.isNaN ? "NaN" : number < 0 ? "-Infinity" : "Infinity"
    case .string(let string), .markup(let string): quote(string)
    case .sequence(let items):
      try group("[", "]", items.items, depth) { writer, item throws(TemplateError) in
        try writer.write(item, depth: depth + 1)
      }
    case .dictionary(let dictionary):
      var members = dictionary.members
      if sortsKeys { members = try TemplateOrder.sorted(members) { $0.key } }
      try group("{", "}", members, depth) { writer, member throws(TemplateError) in
        try writer.write(key: member.key)
        writer.text += writer.separators.key
        try writer.write(member.value, depth: depth + 1)
      }
    default: throw TemplateError("\(value.typeName) cannot be written as JSON")
    }
  }

  /// Numbers, booleans and None become text.
  private mutating func write(key: TemplateValue) throws(TemplateError) {
    switch key {
    case .string(let name), .markup(let name): quote(name)
    case .none, .bool, .int, .double:
      text += "\""
      try write(key)
      text += "\""
    default: throw TemplateError("\(key.typeName) cannot be a key in JSON")
    }
  }

  private mutating func group<Item>(
    _ open: String, _ close: String, _ items: [Item], _ depth: Int,
    _ write: (inout TemplateJSON, Item) throws(TemplateError) -> Void
  ) throws(TemplateError) {
    text += open
    for (index, item) in items.enumerated() {
      if index > 0 { text += separators.item }
      breakLine(depth + 1)
      try write(&self, item)
    }
    if !items.isEmpty { breakLine(depth) }
    text += close
  }

  private mutating func breakLine(_ depth: Int) {
    guard let indent else { return }
    text += "\n"
    for _ in 0..<depth { text += indent }
  }

  private mutating func quote(_ string: String) {
    text += "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "\u{8}": text += "\\b"
      case "\u{C}": text += "\\f"
      case let scalar where scalar.value < 0x20 || (ensuresASCII && scalar.value > 0x7E):
        for unit in String(scalar).utf16 {
          let hex = String(unit, radix: 16)
          text += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
        }
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}
