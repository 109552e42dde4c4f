import Foundation

/// Numbers as Python writes, reads and rounds them.
enum TemplateNumber {
  /// `repr(float)`: the shortest digits, with an exponent below 1e-4 and from 1e16 on.
  static func text(of value: Double) -> String {
    if value.isNaN { return "nan" }
    if value.isInfinite { return value < 0 ? "-inf" : "inf" }
    let parts = value.magnitude.description.split(separator: "e")
    let mantissa = parts[0].split(separator: ".")
    var exponent = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
    var digits = Array(mantissa.joined().utf8)
    exponent += mantissa[0].utf8.count - 1
    while digits.count > 1, digits[0] == UInt8(ascii: "0") {
      digits.removeFirst()
      exponent -= 1
    }
    while digits.count > 1, digits.last == UInt8(ascii: "0") { digits.removeLast() }
    let text = String(decoding: digits, as: UTF8.self), sign = value.sign == .minus ? "-" : ""
    if value == 0 { return sign + "0.0" }
    if exponent < -4 || exponent >= 16 {
      let fraction = digits.count > 1 ? "." + text.dropFirst() : ""
      let size = String(exponent.magnitude)
      return sign + text.prefix(1) + fraction + "e" + (exponent < 0 ? "-" : "+") + (size.count < 2 ? "0" : "") + size
    }
    if exponent < 0 { return sign + "0." + String(repeating: "0", count: -exponent - 1) + text }
    let whole = exponent + 1
    guard digits.count > whole else { return sign + text + String(repeating: "0", count: whole - digits.count) + ".0" }
    return sign + text.prefix(whole) + "." + text.dropFirst(whole)
  }

  enum Notation: String { case fixed = "f", exponent = "e", general = "g" }

  /// C's `printf` of a magnitude.
  static func text(of magnitude: Double, _ notation: Notation, digits: Int, keepsZeros: Bool = false) -> String {
    if magnitude.isNaN { return "nan" }
    if magnitude.isInfinite { return "inf" }
    return String(format: "%\(keepsZeros ? "#" : "").\(digits)\(notation.rawValue)", magnitude)
  }

  /// Python's `float(text)`.
  static func double(_ text: String) -> Double? {
    let digits = withoutUnderscores(TemplateText.stripped(text))
    guard let digits, digits.utf8.allSatisfy({ "0123456789.eE+-infatyINFATY".utf8.contains($0) }) else { return nil }
    let hasHexadecimal = digits.lowercased().hasPrefix("nan(")
    return hasHexadecimal
      ? nil
      : Double(digits.hasPrefix("+") ? String(digits.dropFirst()) : digits)
        ?? (digits.hasSuffix(".") ? Double(digits.dropLast()) : nil)
  }

  /// Python's `int(text, base)`; base 0 reads the prefix.
  static func integer(_ text: String, base: Int) -> Int64? {
    guard base == 0 || (2...36).contains(base) else { return nil }
    var digits = TemplateText.stripped(text).lowercased()[...]
    let isNegative = digits.hasPrefix("-")
    if isNegative || digits.hasPrefix("+") { digits = digits.dropFirst() }
    var radix = base == 0 ? 10 : base
    for (prefix, prefixed) in [("0x", 16), ("0o", 8), ("0b", 2)]
    where digits.hasPrefix(prefix) && (base == 0 || base == prefixed) {
      digits = digits.dropFirst(2)
      if digits.hasPrefix("_") { digits = digits.dropFirst() }
      radix = prefixed
      break
    }
    guard let plain = withoutUnderscores(String(digits)), plain.first.map({ $0.isLetter || $0.isNumber }) == true,
      plain.utf8.allSatisfy({ $0 < 0x80 })
    else { return nil }
    return Int64((isNegative ? "-" : "") + plain, radix: radix)
  }

  /// nil where an underscore is not between two digits.
  private static func withoutUnderscores(_ text: String) -> String? {
    guard text.contains("_") else { return text }
    guard !text.hasPrefix("_"), !text.hasSuffix("_"), !text.contains("__") else { return nil }
    return text.replacing("_", with: "")
  }

  /// `round(value, digits)`: to the nearest decimal, ties to even.
  static func rounded(_ value: Double, digits: Int) -> Double {
    guard value.isFinite, digits < 300 else { return value }
    if digits >= 0 { return Double(String(format: "%.\(digits)f", value)) ?? value }
    guard digits > -300 else { return 0 }
    let factor = pow(10, Double(-digits))
    return (value / factor).rounded(.toNearestOrEven) * factor
  }

  /// The same for an integer; nil where it leaves 64 bits.
  static func rounded(_ value: Int64, digits: Int) -> Int64? {
    guard digits < 0 else { return value }
    guard digits >= -18 else { return 0 }
    var factor: Int64 = 1
    for _ in digits..<0 { factor *= 10 }
    let rest = value % factor, base = value - rest, twice = rest.magnitude * 2
    let isUp = twice > factor.magnitude || (twice == factor.magnitude && (base / factor) % 2 != 0)
    guard isUp else { return base }
    let (result, overflow) = base.addingReportingOverflow(value < 0 ? -factor : factor)
    return overflow ? nil : result
  }

  /// Digits of a magnitude with a comma or another mark between thousands.
  static func grouped(_ digits: String, every count: Int, with mark: String) -> String {
    var groups: [Substring] = []
    var rest = digits[...]
    while rest.count > count {
      groups.insert(rest.suffix(count), at: 0)
      rest = rest.dropLast(count)
    }
    return ([rest] + groups).joined(separator: mark)
  }
}
