/// Python's escapes in string literals.
enum TemplateEscapes {
  private static let single: [Unicode.Scalar: Unicode.Scalar] = [
    "n": "\n", "t": "\t", "r": "\r", "b": "\u{8}", "f": "\u{C}", "a": "\u{7}", "v": "\u{B}", "\\": "\\", "'": "'",
    "\"": "\"",
  ]

  /// The text of a literal's inside; nil for a faulty escape. An unknown escape stays as it is.
  static func resolved(_ source: ArraySlice<Unicode.Scalar>) -> String? {
    var result = String.UnicodeScalarView()
    var rest = source
    while let scalar = rest.popFirst() {
      guard scalar == "\\", let escaped = rest.popFirst() else {
        result.append(scalar)
        continue
      }
      switch escaped {
      case "\n": break
      case "x", "u", "U":
        let length = escaped == "x" ? 2 : escaped == "u" ? 4 : 8, digits = rest.prefix(length)
        guard digits.count == length, digits.allSatisfy({ $0.isASCII && $0.properties.isHexDigit }),
          let code = number(digits, radix: 16)
        else { return nil }
        result.append(code)
        rest = rest.dropFirst(length)
      case "0"..."7":
        let digits = [escaped] + rest.prefix(2).prefix { ("0"..."7").contains($0) }
        guard let code = number(digits[...], radix: 8) else { return nil }
        result.append(code)
        rest = rest.dropFirst(digits.count - 1)
      case "N": return nil
      default:
        if let known = single[escaped] { result.append(known) } else { result.append(contentsOf: ["\\", escaped]) }
      }
    }
    return String(result)
  }

  private static func number(_ digits: ArraySlice<Unicode.Scalar>, radix: Int) -> Unicode.Scalar? {
    UInt32(String(String.UnicodeScalarView(digits)), radix: radix).flatMap(Unicode.Scalar.init)
  }
}
