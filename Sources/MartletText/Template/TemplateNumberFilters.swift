import Foundation

/// Filters that give numbers, or write them.
struct TemplateNumberFilters {
  let filter: TemplateFilter
  let value: TemplateValue
  let arguments: [TemplateValue?]

  func result(_ runtime: inout TemplateRuntime) throws(TemplateError) -> TemplateValue {
    switch filter {
    case .int: return try integer()
    case .float: return try double()
    case .abs:
      if let number = value.integer { return try TemplateArithmetic.signed(.int(number), isNegative: number < 0) }
      guard let number = value.number else {
        throw TemplateError("the filter abs needs a number, not \(value.typeName)")
      }
      return .double(abs(number))
    case .round: return try rounded()
    default: return .string(try size())
    }
  }

  private func checkDefined() throws(TemplateError) {
    if case .undefined(let what) = value { throw TemplateError(what.message) }
  }

  private func integer() throws(TemplateError) -> TemplateValue {
    try checkDefined()
    if let whole = value.integer { return .int(whole) }
    if case .double(let number) = value {
      guard number.magnitude < 0x1p63 else {
        if number.isNaN { return arguments[0] ?? .int(0) }
        throw TemplateError("an integer is out of range: it needs more than 64 bits")
      }
      return .int(Int64(number))
    }
    guard let text = value.string else { return arguments[0] ?? .int(0) }
    guard let base = (arguments[1] ?? .int(10)).integer else {
      throw TemplateError("the filter int: base must be an integer")
    }
    if let number = TemplateNumber.integer(text, base: Int(min(max(base, -1), 100))) { return .int(number) }
    // As jinja2: "42.7" is 42.
    if let number = TemplateNumber.double(text), number.isFinite {
      guard number.magnitude < 0x1p63 else {
        throw TemplateError("an integer is out of range: it needs more than 64 bits")
      }
      return .int(Int64(number))
    }
    return arguments[0] ?? .int(0)
  }

  private func double() throws(TemplateError) -> TemplateValue {
    try checkDefined()
    if let number = value.number { return .double(number) }
    return value.string.flatMap { TemplateNumber.double($0) }.map { .double($0) } ?? arguments[0] ?? .double(0)
  }

  private func rounded() throws(TemplateError) -> TemplateValue {
    guard let number = value.number else {
      throw TemplateError("the filter round needs a number, not \(value.typeName)")
    }
    guard let precision = (arguments[0] ?? .int(0)).integer else {
      throw TemplateError("the filter round: precision must be an integer")
    }
    let digits = Int(min(max(precision, -400), 400))
    let rule: FloatingPointRoundingRule
    switch arguments[1]?.string ?? "common" {
    case "common":
      guard let whole = value.integer else { return .double(TemplateNumber.rounded(number, digits: digits)) }
      guard let result = TemplateNumber.rounded(whole, digits: digits) else {
        throw TemplateError("an integer is out of range: it needs more than 64 bits")
      }
      return .int(result)
    case "ceil": rule = .up
    case "floor": rule = .down
    default: throw TemplateError("the filter round: method must be common, ceil or floor")
    }
    let factor = pow(10, Double(digits))
    guard factor > 0, factor.isFinite, number.isFinite else { throw TemplateError("the filter round: out of range") }
    return .double((number * factor).rounded(rule) / factor)
  }

  private func size() throws(TemplateError) -> String {
    guard case .double(let bytes) = try double() else {
      throw TemplateError("the filter filesizeformat needs a number")
    }
    let isBinary = arguments[0]?.isTrue ?? false, base: Double = isBinary ? 1024 : 1000
    if bytes == 1 { return "1 Byte" }
    guard bytes >= base else {
      return "\(TemplateNumber.text(of: bytes.rounded(.towardZero), .fixed, digits: 0)) Bytes"
    }
    let prefixes = ["k", "M", "G", "T", "P", "E", "Z", "Y"]
    var unit = base, place = 0
    while place + 1 < prefixes.count, bytes >= unit * base {
      unit *= base
      place += 1
    }
    let prefix = isBinary ? prefixes[place].uppercased() + "iB" : prefixes[place] + "B"
    return "\(TemplateNumber.text(of: bytes / unit, .fixed, digits: 1)) \(prefix)"
  }
}
