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

  /// `round(value, digits)`: to the nearest decimal, ties to even.
  static func rounded(_ value: Double, digits: Int) -> Double {
    guard value.isFinite, digits < 300 else { return value }
    if digits >= 0 { return Double(String(format: "%.\(digits)f", value)) ?? value }
    guard digits > -300 else { return 0 }
    let factor = pow(10, Double(-digits))
    return (value / factor).rounded(.toNearestOrEven) * factor
  }
}
