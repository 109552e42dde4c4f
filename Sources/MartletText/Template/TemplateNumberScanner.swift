/// Reads a number as jinja2 writes them: decimal, `0x`, `0o`, `0b`, with `_` between digits, fractions and exponents.
struct TemplateNumberScanner {
  private(set) var end: Int
  private(set) var text = ""
  /// nil where the number is out of range.
  private(set) var kind: TemplateToken.Kind?
  private let source: [Unicode.Scalar]

  init(_ source: [Unicode.Scalar], at start: Int, allowsFraction: Bool) {
    self.source = source
    end = start
    let prefixes: [(mark: Unicode.Scalar, radix: Int)] = [("x", 16), ("o", 8), ("b", 2)]
    for (mark, radix) in prefixes where self.is("0", at: start) && self.is(mark, at: start + 1) {
      let after = self.is("_", at: start + 2) ? start + 3 : start + 2
      guard digit(at: after, radix: radix) else { break }
      end = after
      readDigits(radix: radix)
      kind = Int64(text, radix: radix).map { .int($0) }
      return
    }
    readDigits(radix: 10)
    let whole = end
    var isFraction = false
    if allowsFraction {
      if self.is(".", at: end), digit(at: end + 1, radix: 10) {
        text += "."
        end += 1
        readDigits(radix: 10)
        isFraction = true
      }
      if readExponent() { isFraction = true }
    }
    if isFraction {
      kind = Double(text).map { .double($0) }
    } else if text.first == "0", let nonZero = text.firstIndex(where: { $0 != "0" }) {
      // 012 is a zero and another number, which the parser refuses.
      end = whole - text[nonZero...].count
      kind = .int(0)
    } else {
      kind = Int64(text).map { .int($0) }
    }
  }

  private func `is`(_ scalar: Unicode.Scalar, at place: Int) -> Bool {
    place < source.count && (source[place] == scalar || source[place].properties.lowercaseMapping == String(scalar))
  }

  private func digit(at place: Int, radix: Int) -> Bool {
    place < source.count && source[place].isASCII && Character(source[place]).hexDigitValue.map { $0 < radix } ?? false
  }

  private mutating func readDigits(radix: Int) {
    while digit(at: end, radix: radix) || (self.is("_", at: end) && digit(at: end + 1, radix: radix)) {
      if source[end] != "_" { text.unicodeScalars.append(source[end]) }
      end += 1
    }
  }

  private mutating func readExponent() -> Bool {
    guard self.is("e", at: end) else { return false }
    let sign = self.is("-", at: end + 1) || self.is("+", at: end + 1)
    guard digit(at: end + (sign ? 2 : 1), radix: 10) else { return false }
    text += sign && source[end + 1] == "-" ? "e-" : "e"
    end += sign ? 2 : 1
    readDigits(radix: 10)
    return true
  }
}
