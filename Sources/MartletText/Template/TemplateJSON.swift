/// Writes template values as Python's json module does.
struct TemplateJSON {
  let indent: Int?
  let separators: (item: String, key: String)
  let sortsKeys: Bool
  let ensuresASCII: Bool
  private(set) var text = ""

  init(indent: Int?, separators: (item: String, key: String), sortsKeys: Bool, ensuresASCII: Bool) {
    self.indent = indent
    self.separators = separators
    self.sortsKeys = sortsKeys
    self.ensuresASCII = ensuresASCII
  }

  /// False for values that JSON does not have.
  mutating func write(_ value: TemplateValue, depth: Int) -> Bool {
    guard depth < 200 else { return false }
    switch value {
    case .none: text += "null"
    case .bool(let flag): text += flag ? "true" : "false"
    case .int(let number): text += String(number)
    case .double(let number):
      text +=
        number.isFinite
        ? TemplateValue.double(number).text : number.isNaN ? "NaN" : number < 0 ? "-Infinity" : "Infinity"
    case .string(let string), .markup(let string): quote(string)
    case .sequence(let items):
      return group("[", "]", items.count, depth) { writer, index in writer.write(items[index], depth: depth + 1) }
    case .dictionary(let dictionary):
      let keys = sortsKeys ? dictionary.keys.sorted { $0.isLess(than: $1) ?? false } : dictionary.keys
      return group("{", "}", keys.count, depth) { writer, index in
        switch keys[index] {
        case .string(let name), .markup(let name): writer.quote(name)
        case .sequence: return false
        case let other:
          // Numbers, booleans and null become text, as the json module does it.
          writer.text += "\""
          guard writer.write(other, depth: depth + 1) else { return false }
          writer.text += "\""
        }
        writer.text += writer.separators.key
        return writer.write(dictionary[keys[index]] ?? .none, depth: depth + 1)
      }
    case .undefined, .macro, .namespace, .function, .method: return false
    }
    return true
  }

  private mutating func group(
    _ open: String, _ close: String, _ count: Int, _ depth: Int, _ item: (inout TemplateJSON, Int) -> Bool
  ) -> Bool {
    text += open
    for index in 0..<count {
      if index > 0 { text += separators.item }
      if let indent { text += "\n" + String(repeating: " ", count: indent * (depth + 1)) }
      guard item(&self, index) else { return false }
    }
    if let indent, count > 0 { text += "\n" + String(repeating: " ", count: indent * depth) }
    text += close
    return true
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
      case let control where control.value < 0x20:
        let hex = String(control.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      case let wide where ensuresASCII && wide.value > 0x7F:
        for unit in String(wide).utf16 {
          let hex = String(unit, radix: 16)
          text += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
        }
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}
