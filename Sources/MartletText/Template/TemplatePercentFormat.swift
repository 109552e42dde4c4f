/// Python's `%` operator on text.
/// https://docs.python.org/3/library/stdtypes.html#printf-style-string-formatting
struct TemplatePercentFormat {
  private struct Directive {
    var name: String?
    var flags: Set<Unicode.Scalar> = []
    var width = 0
    var precision: Int?
    var kind: Unicode.Scalar = "s"
  }

  /// Widths and precisions beyond this are refused.
  static let maxWidth = 4096

  private var rest: ArraySlice<Unicode.Scalar>
  private let escapes: Bool
  private var values: [TemplateValue] = []
  private var used = 0

  /// - Parameter escapes: whether the values are escaped for HTML.
  init(_ format: String, escapes: Bool) {
    rest = Array(format.unicodeScalars)[...]
    self.escapes = escapes
  }

  func text(for value: TemplateValue, _ runtime: inout TemplateRuntime) throws(TemplateError) -> String {
    var copy = self
    return try copy.filled(value, &runtime)
  }

  private mutating func filled(
    _ value: TemplateValue, _ runtime: inout TemplateRuntime
  ) throws(TemplateError) -> String {
    if case .sequence(let items) = value, items.isTuple { values = items.items } else { values = [value] }
    var result = ""
    while let scalar = rest.popFirst() {
      guard scalar == "%" else {
        result.unicodeScalars.append(scalar)
        continue
      }
      let directive = try directive()
      if directive.kind == "%" {
        result += "%"
        continue
      }
      var next = try self.value(directive, value)
      if escapes, "sra".unicodeScalars.contains(directive.kind) { next = try Self.escaped(next, directive, &runtime) }
      let text = Self.padded(try Self.text(next, directive, &runtime), directive)
      result += text
      try runtime.budget.charge(text: text, total: result.utf8.count)
    }
    if case .dictionary = value { return result }
    guard used == values.count else { throw TemplateError("there are more values than the format takes") }
    return result
  }

  /// A value as text for HTML; safe text stays as it is.
  private static func escaped(
    _ value: TemplateValue, _ directive: Directive, _ runtime: inout TemplateRuntime
  ) throws(TemplateError) -> TemplateValue {
    if case .markup = value { return value }
    let isPlain = directive.kind == "s"
    return .markup(
      TemplateMarkup.escaped(isPlain ? try runtime.text(of: value) : try runtime.representation(of: value)))
  }

  private mutating func value(_ directive: Directive, _ whole: TemplateValue) throws(TemplateError) -> TemplateValue {
    guard let name = directive.name else { return try nextValue() }
    guard case .dictionary(let members) = whole else { throw TemplateError("the format needs a dictionary") }
    guard let member = members[name] else { throw TemplateError("the format asks for '\(name)'") }
    return member
  }

  private mutating func nextValue() throws(TemplateError) -> TemplateValue {
    guard used < values.count else { throw TemplateError("there are fewer values than the format takes") }
    used += 1
    return values[used - 1]
  }

  private mutating func directive() throws(TemplateError) -> Directive {
    var directive = Directive()
    if rest.first == "(" {
      guard let close = rest.firstIndex(of: ")") else { throw TemplateError("a format's name is not closed") }
      directive.name = String(String.UnicodeScalarView(rest[(rest.startIndex + 1)..<close]))
      rest = rest[(close + 1)...]
    }
    while let flag = rest.first, "-+ 0#".unicodeScalars.contains(flag) {
      directive.flags.insert(flag)
      rest.removeFirst()
    }
    directive.width = try number() ?? 0
    if directive.width < 0 {
      directive.flags.insert("-")
      directive.width = -directive.width
    }
    if rest.first == "." {
      rest.removeFirst()
      directive.precision = max(0, try number() ?? 0)
    }
    while let size = rest.first, "hlL".unicodeScalars.contains(size) { rest.removeFirst() }
    guard let kind = rest.popFirst() else { throw TemplateError("a format is not complete") }
    directive.kind = kind
    return directive
  }

  /// A width or a precision; `*` takes it from the values.
  private mutating func number() throws(TemplateError) -> Int? {
    var number: Int64
    if rest.first == "*" {
      rest.removeFirst()
      guard let given = try nextValue().integer else { throw TemplateError("'*' in a format needs an integer") }
      number = given
    } else {
      let digits = rest.prefix { ("0"..."9").contains($0) }
      guard !digits.isEmpty else { return nil }
      rest = rest[digits.endIndex...]
      number = Int64(String(String.UnicodeScalarView(digits))) ?? .max
    }
    guard number.magnitude <= Self.maxWidth else { throw TemplateError("a format is too wide", .budgetExceeded) }
    return Int(number)
  }

  private static func text(
    _ value: TemplateValue, _ directive: Directive, _ runtime: inout TemplateRuntime
  ) throws(TemplateError) -> String {
    switch directive.kind {
    case "s", "r", "a":
      if case .markup(let text) = value, directive.kind != "s" { return text }
      var text = directive.kind == "s" ? try runtime.text(of: value) : try runtime.representation(of: value)
      if directive.kind == "a" { text = ascii(text) }
      return directive.precision.map { String(text.unicodeScalars.prefix($0)) } ?? text
    case "c":
      if let code = value.integer, let scalar = UInt32(exactly: code).flatMap(Unicode.Scalar.init) {
        return String(scalar)
      }
      guard let text = value.string, TemplateText.length(text) == 1 else {
        throw TemplateError("%c needs a character, not \(value.typeName)")
      }
      return text
    case "d", "i", "u", "x", "X", "o": return try integer(value, directive)
    case "f", "F", "e", "E", "g", "G":
      guard let number = value.number else {
        throw TemplateError("%\(directive.kind) needs a number, not \(value.typeName)")
      }
      let kind = directive.kind.properties.lowercaseMapping
      let digits = TemplateNumber.text(
        of: number.magnitude, TemplateNumber.Notation(rawValue: kind) ?? .fixed,
        digits: directive.precision ?? 6, keepsZeros: directive.flags.contains("#"))
      let isUpper = kind != String(directive.kind)
      return sign(number.sign == .minus && !number.isNaN, directive) + (isUpper ? digits.uppercased() : digits)
    default: throw TemplateError("the format %\(directive.kind) is not supported")
    }
  }

  private static func integer(_ value: TemplateValue, _ directive: Directive) throws(TemplateError) -> String {
    let isDecimal = "diu".unicodeScalars.contains(directive.kind)
    var whole = value.integer
    if whole == nil, isDecimal, let number = value.number, number.magnitude < 9e18 { whole = Int64(number) }
    guard let whole else { throw TemplateError("%\(directive.kind) needs a number, not \(value.typeName)") }
    let radix = isDecimal ? 10 : directive.kind == "o" ? 8 : 16
    var digits = String(whole.magnitude, radix: radix, uppercase: directive.kind == "X")
    digits = TemplateText.padded(digits, to: directive.precision ?? 0, .right, with: "0")
    let prefix = directive.flags.contains("#") && !isDecimal ? "0\(directive.kind)" : ""
    return sign(whole < 0, directive) + prefix + digits
  }

  private static func ascii(_ text: String) -> String {
    text.unicodeScalars.map { scalar in
      guard !scalar.isASCII else { return String(scalar) }
      let hex = String(scalar.value, radix: 16)
      let (mark, width) = scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
      return "\\" + mark + String(repeating: "0", count: width - hex.count) + hex
    }.joined()
  }

  private static func sign(_ isNegative: Bool, _ directive: Directive) -> String {
    isNegative ? "-" : directive.flags.contains("+") ? "+" : directive.flags.contains(" ") ? " " : ""
  }

  private static func padded(_ text: String, _ directive: Directive) -> String {
    let missing = directive.width - TemplateText.length(text)
    guard missing > 0 else { return text }
    if directive.flags.contains("-") { return TemplateText.padded(text, to: directive.width, .left) }
    guard directive.flags.contains("0"), !"srac".unicodeScalars.contains(directive.kind) else {
      return TemplateText.padded(text, to: directive.width, .right)
    }
    let head = text.prefix { "+- ".contains($0) }
    let prefix = directive.flags.contains("#") && "xXo".unicodeScalars.contains(directive.kind) ? 2 : 0
    let start = text.prefix(head.count + prefix)
    return start + String(repeating: "0", count: missing) + text.dropFirst(start.count)
  }
}
