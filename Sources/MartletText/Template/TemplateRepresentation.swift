/// Writes values as Python's `repr()` does.
struct TemplateRepresentation {
  private(set) var text = ""
  private let runtime: TemplateRuntime
  private var depth = 0

  init(_ runtime: TemplateRuntime) { self.runtime = runtime }

  mutating func write(_ value: TemplateValue) throws(TemplateError) {
    depth += 1
    defer { depth -= 1 }
    guard depth <= TemplateBudget.maxValueDepth, text.utf8.count <= TemplateBudget.maxOutputBytes else {
      throw TemplateError("a value is too deep or too large to be printed", .budgetExceeded)
    }
    switch value {
    case .undefined: text += "Undefined"
    case .none: text += "None"
    case .bool(let value): text += value ? "True" : "False"
    case .int(let value): text += String(value)
    case .double(let value): text += TemplateNumber.text(of: value)
    case .string(let value): text += Self.quoted(value)
    case .markup(let value): text += "Markup(\(Self.quoted(value)))"
    case .sequence(let items) where items.isTuple:
      try write("(", items.items, items.count == 1 ? ",)" : ")")
    case .sequence(let items): try write("[", items.items, "]")
    case .range(let range): text += range.representation
    case .dictionary(let dictionary): try write(dictionary)
    case .view(let dictionary, let view):
      try write("dict_\(view.rawValue)([", dictionary.elements(view), "])")
    case .macro(let macro): text += "<Macro \(Self.quoted(macro.definition.name))>"
    case .function(let function): text += "<function \(function.rawValue)>"
    case .method(let owner, let name): text += "<built-in method \(name) of \(owner.typeName) object>"
    case .object(let id): try write(runtime[id])
    }
  }

  private mutating func write(_ open: String, _ items: [TemplateValue], _ close: String) throws(TemplateError) {
    text += open
    for (index, item) in items.enumerated() {
      if index > 0 { text += ", " }
      try write(item)
    }
    text += close
  }

  private mutating func write(_ dictionary: TemplateDictionary) throws(TemplateError) {
    text += "{"
    for (index, member) in dictionary.members.enumerated() {
      if index > 0 { text += ", " }
      try write(member.key)
      text += ": "
      try write(member.value)
    }
    text += "}"
  }

  private mutating func write(_ object: TemplateObject) throws(TemplateError) {
    switch object {
    case .namespace(let members):
      text += "<Namespace "
      try write(members)
      text += ">"
    case .loop(let loop): text += loop.representation
    case .cycler: text += "<Cycler>"
    case .joiner: text += "<Joiner>"
    case .iterator: text += "<generator object>"
    }
  }

  static func quoted(_ text: String) -> String {
    let scalars = text.unicodeScalars
    let quote: Unicode.Scalar = scalars.contains("'") && !scalars.contains("\"") ? "\"" : "'"
    var result = String.UnicodeScalarView([quote])
    for scalar in scalars {
      switch scalar {
      case "\\": result.append(contentsOf: "\\\\".unicodeScalars)
      case "\n": result.append(contentsOf: "\\n".unicodeScalars)
      case "\r": result.append(contentsOf: "\\r".unicodeScalars)
      case "\t": result.append(contentsOf: "\\t".unicodeScalars)
      case quote: result.append(contentsOf: ["\\", quote])
      case _ where TemplateLetters.isPrintable(scalar): result.append(scalar)
      default:
        let (mark, width) = scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
        let hex = String(scalar.value, radix: 16)
        let code = "\\" + mark + String(repeating: "0", count: width - hex.count) + hex
        result.append(contentsOf: code.unicodeScalars)
      }
    }
    result.append(quote)
    return String(result)
  }
}
