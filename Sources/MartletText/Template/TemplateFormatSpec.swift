/// Python's format specification, the part of a replacement field behind the colon.
/// https://docs.python.org/3/library/string.html#formatspec
struct TemplateFormatSpec {
  private var fill = " "
  private var alignment: Unicode.Scalar?
  private var sign: Unicode.Scalar = "-"
  private var hasPrefix = false
  private var width = 0
  private var grouping: String?
  private var precision: Int?
  private var kind: Unicode.Scalar?

  init(_ text: String) throws(TemplateError) {
    var rest = Array(text.unicodeScalars)[...]
    func isAlignment(_ scalar: Unicode.Scalar) -> Bool { "<>=^".unicodeScalars.contains(scalar) }
    if rest.count > 1, isAlignment(rest[rest.startIndex + 1]) {
      fill = String(rest.removeFirst())
      alignment = rest.removeFirst()
    } else if let first = rest.first, isAlignment(first) {
      alignment = rest.removeFirst()
    }
    if let first = rest.first, "+- ".unicodeScalars.contains(first) { sign = rest.removeFirst() }
    if rest.first == "#" { hasPrefix = rest.popFirst() != nil }
    if rest.first == "0" {
      rest.removeFirst()
      if alignment == nil {
        fill = "0"
        alignment = "="
      }
    }
    width = try Self.number(&rest) ?? 0
    if let mark = rest.first, mark == "," || mark == "_" { grouping = String(rest.removeFirst()) }
    if rest.first == "." {
      rest.removeFirst()
      guard let digits = try Self.number(&rest) else { throw TemplateError("a format needs a precision after '.'") }
      precision = digits
    }
    kind = rest.popFirst()
    guard rest.isEmpty else { throw TemplateError("the format '\(text.prefix(40))' is not valid") }
  }

  private static func number(_ rest: inout ArraySlice<Unicode.Scalar>) throws(TemplateError) -> Int? {
    let digits = rest.prefix { ("0"..."9").contains($0) }
    guard !digits.isEmpty else { return nil }
    rest = rest[digits.endIndex...]
    guard let number = Int(String(String.UnicodeScalarView(digits))), number <= TemplatePercentFormat.maxWidth else {
      throw TemplateError("a format is too wide", .budgetExceeded)
    }
    return number
  }

  /// Texts and numbers only; other values take no format.
  func text(for value: TemplateValue) throws(TemplateError) -> String {
    if let text = value.string {
      guard kind == nil || kind == "s", alignment != "=", sign == "-", grouping == nil else { throw refusal(value) }
      return aligned("", precision.map { String(text.unicodeScalars.prefix($0)) } ?? text, fallback: "<")
    }
    guard let number = value.number else { throw refusal(value) }
    let isNegative = number.sign == .minus && !number.isNaN
    let mark = isNegative ? "-" : sign == "-" ? "" : String(sign)
    if let whole = value.integer, let body = try integer(whole) { return aligned(mark + body.prefix, body.digits) }
    return aligned(mark, try double(number.magnitude, value))
  }

  private func refusal(_ value: TemplateValue) -> TemplateError {
    TemplateError("the format\(kind.map { " '\($0)'" } ?? "") does not suit \(value.typeName)")
  }

  /// nil for the formats of fractions.
  private func integer(_ value: Int64) throws(TemplateError) -> (prefix: String, digits: String)? {
    let radix: Int
    switch kind {
    case nil, "d", "n": radix = 10
    case "x", "X": radix = 16
    case "o": radix = 8
    case "b": radix = 2
    case "c":
      guard let scalar = UInt32(exactly: value).flatMap(Unicode.Scalar.init) else { throw refusal(.int(value)) }
      return ("", String(scalar))
    default: return nil
    }
    guard precision == nil else { throw TemplateError("a precision does not suit int") }
    let digits = String(value.magnitude, radix: radix, uppercase: kind == "X")
    let prefix = hasPrefix && radix != 10 ? "0\(kind.map { String($0) } ?? "")" : ""
    return (prefix, grouping.map { TemplateNumber.grouped(digits, every: radix == 10 ? 3 : 4, with: $0) } ?? digits)
  }

  private func double(_ magnitude: Double, _ value: TemplateValue) throws(TemplateError) -> String {
    var text: String
    switch kind {
    case nil where precision == nil: text = TemplateNumber.text(of: magnitude)
    case nil:
      text = TemplateNumber.text(of: magnitude, .general, digits: max(1, precision ?? 6))
      if !text.contains(where: { ".en".contains($0) }) { text += ".0" }
    case "f", "F": text = TemplateNumber.text(of: magnitude, .fixed, digits: precision ?? 6)
    case "e", "E": text = TemplateNumber.text(of: magnitude, .exponent, digits: precision ?? 6)
    case "g", "G", "n":
      text = TemplateNumber.text(of: magnitude, .general, digits: precision ?? 6, keepsZeros: hasPrefix)
    case "%": text = TemplateNumber.text(of: magnitude * 100, .fixed, digits: precision ?? 6) + "%"
    default: throw refusal(value)
    }
    if kind == "F" || kind == "E" || kind == "G" { text = text.uppercased() }
    guard let grouping else { return text }
    let whole = text.prefix { ("0"..."9").contains($0) }
    return TemplateNumber.grouped(String(whole), every: 3, with: grouping) + text.dropFirst(whole.count)
  }

  private func aligned(_ mark: String, _ body: String, fallback: Unicode.Scalar = ">") -> String {
    let missing = max(0, width - TemplateText.length(mark) - TemplateText.length(body))
    let padding = String(repeating: fill, count: missing)
    switch alignment ?? fallback {
    case "<": return mark + body + padding
    case "=": return mark + padding + body
    case "^":
      let left = String(repeating: fill, count: missing / 2)
      return left + mark + body + String(repeating: fill, count: missing - missing / 2)
    default: return padding + mark + body
    }
  }
}
