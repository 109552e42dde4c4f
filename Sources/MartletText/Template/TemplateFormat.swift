import Foundation

/// Python's `%` operator on text.
/// https://docs.python.org/3/library/stdtypes.html#printf-style-string-formatting
enum TemplateFormat {
  struct Failure: Error {
    let message: String
  }

  private struct Directive {
    var name: String?
    var flags: Set<Character> = []
    var width = 0
    var precision: Int?
    var kind: Character = "s"
  }

  /// Widths and precisions beyond this are refused.
  private static let maxWidth = 4096

  static func formatted(_ format: String, _ value: TemplateValue) throws(Failure) -> String {
    var values: [TemplateValue] = []
    if case .sequence(let items) = value, items.isTuple { values = items.items } else { values = [value] }
    var result = ""
    var rest = Array(format)[...]
    while let character = rest.popFirst() {
      guard character == "%" else {
        result.append(character)
        continue
      }
      let directive = try directive(&rest)
      if directive.kind == "%" {
        result += "%"
        continue
      }
      let next: TemplateValue
      if let name = directive.name {
        guard case .dictionary(let members) = value, let member = members[name] else {
          throw Failure(message: "the format asks for '\(name)'")
        }
        next = member
      } else {
        guard !values.isEmpty else { throw Failure(message: "too few values for the format") }
        next = values.removeFirst()
      }
      result += padded(try text(next, directive), directive)
    }
    if case .dictionary = value { return result }
    guard values.isEmpty else { throw Failure(message: "too many values for the format") }
    return result
  }

  private static func directive(_ rest: inout ArraySlice<Character>) throws(Failure) -> Directive {
    var directive = Directive()
    if rest.first == "(" {
      guard let close = rest.firstIndex(of: ")") else { throw Failure(message: "a faulty format") }
      directive.name = String(rest[rest.index(after: rest.startIndex)..<close])
      rest = rest[rest.index(after: close)...]
    }
    while let flag = rest.first, "-+ 0#".contains(flag) {
      directive.flags.insert(flag)
      rest.removeFirst()
    }
    directive.width = try number(&rest) ?? 0
    if rest.first == "." {
      rest.removeFirst()
      directive.precision = try number(&rest) ?? 0
    }
    guard let kind = rest.popFirst() else { throw Failure(message: "a faulty format") }
    directive.kind = kind
    return directive
  }

  private static func number(_ rest: inout ArraySlice<Character>) throws(Failure) -> Int? {
    var digits = ""
    while let digit = rest.first, digit.isASCII, digit.isNumber {
      digits.append(digit)
      rest.removeFirst()
    }
    guard !digits.isEmpty else { return nil }
    guard let value = Int(digits), value <= maxWidth else { throw Failure(message: "a format is too wide") }
    return value
  }

  private static func text(_ value: TemplateValue, _ directive: Directive) throws(Failure) -> String {
    switch directive.kind {
    case "s", "r", "a":
      let text = directive.kind == "s" ? value.text : value.representation
      return directive.precision.map { String(text.unicodeScalars.prefix($0)) } ?? text
    case "c":
      if let code = value.integer, let scalar = UInt32(exactly: code).flatMap(Unicode.Scalar.init) {
        return String(scalar)
      }
      guard case .string(let text) = value.plain, text.unicodeScalars.count == 1 else {
        throw Failure(message: "%c needs a character")
      }
      return text
    case "d", "i", "u", "x", "X", "o":
      guard let number = value.number, number.magnitude < 9e18 else {
        throw Failure(message: "%\(directive.kind) needs a number")
      }
      let whole = value.integer ?? Int64(number)
      let radix = directive.kind == "o" ? 8 : "xX".contains(directive.kind) ? 16 : 10
      let digits = String(whole.magnitude, radix: radix, uppercase: directive.kind == "X")
      return sign(whole < 0, directive) + digits
    case "f", "F", "e", "E", "g", "G":
      guard let number = value.number else { throw Failure(message: "%\(directive.kind) needs a number") }
      let digits = String(
        format: "%.\(directive.precision ?? 6)\(directive.kind)", locale: Locale(identifier: "C"), number.magnitude)
      return sign(number < 0, directive) + digits
    default: throw Failure(message: "the format %\(directive.kind) is not supported")
    }
  }

  private static func sign(_ isNegative: Bool, _ directive: Directive) -> String {
    isNegative ? "-" : directive.flags.contains("+") ? "+" : directive.flags.contains(" ") ? " " : ""
  }

  private static func padded(_ text: String, _ directive: Directive) -> String {
    let missing = directive.width - text.unicodeScalars.count
    guard missing > 0 else { return text }
    if directive.flags.contains("-") { return text + String(repeating: " ", count: missing) }
    guard directive.flags.contains("0"), !"src".contains(directive.kind) else {
      return String(repeating: " ", count: missing) + text
    }
    let signs = text.prefix { "+- ".contains($0) }
    return signs + String(repeating: "0", count: missing) + text.dropFirst(signs.count)
  }
}
