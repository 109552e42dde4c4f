/// A recursive-descent reader of RFC 8259 over a byte buffer. Depth is bounded, so hostile nesting cannot exhaust the
/// stack.
struct JSONParser {
  private let bytes: [UInt8]
  private let maxDepth: Int
  private var position = 0
  private var depth = 0

  init(bytes: [UInt8], maxDepth: Int) {
    self.bytes = bytes
    self.maxDepth = maxDepth
  }

  mutating func parseDocument() throws(JSONError) -> JSONValue {
    let value = try parseValue()
    skipWhitespace()
    guard position == bytes.count else { throw fault("unexpected bytes after the document") }
    return value
  }

  private mutating func parseValue() throws(JSONError) -> JSONValue {
    skipWhitespace()
    guard position < bytes.count else { throw fault("unexpected end of the document") }
    switch bytes[position] {
    case UInt8(ascii: "{"): return try parseObject()
    case UInt8(ascii: "["): return try parseArray()
    case UInt8(ascii: "\""): return .string(try parseString())
    case UInt8(ascii: "t"): return try parseLiteral("true", .bool(true))
    case UInt8(ascii: "f"): return try parseLiteral("false", .bool(false))
    case UInt8(ascii: "n"): return try parseLiteral("null", .null)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try parseNumber()
    default: throw fault("expected a value")
    }
  }

  private mutating func parseLiteral(_ word: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
    let text = word.description.utf8
    guard bytes.count - position >= text.count, bytes[position..<position + text.count].elementsEqual(text) else {
      throw fault("expected a value")
    }
    position += text.count
    return value
  }

  private mutating func enter() throws(JSONError) {
    guard depth < maxDepth else { throw fault("nesting is deeper than \(maxDepth)") }
    depth += 1
    position += 1
  }

  private mutating func parseObject() throws(JSONError) -> JSONValue {
    try enter()
    var object = JSONObject()
    skipWhitespace()
    if take(UInt8(ascii: "}")) {
      depth -= 1
      return .object(object)
    }
    while true {
      skipWhitespace()
      guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { throw fault("expected a member name") }
      let key = try parseString()
      skipWhitespace()
      guard take(UInt8(ascii: ":")) else { throw fault("expected ':'") }
      object[key] = try parseValue()
      skipWhitespace()
      if take(UInt8(ascii: ",")) { continue }
      guard take(UInt8(ascii: "}")) else { throw fault("expected ',' or '}'") }
      depth -= 1
      return .object(object)
    }
  }

  private mutating func parseArray() throws(JSONError) -> JSONValue {
    try enter()
    var items: [JSONValue] = []
    skipWhitespace()
    if take(UInt8(ascii: "]")) {
      depth -= 1
      return .array(items)
    }
    while true {
      items.append(try parseValue())
      skipWhitespace()
      if take(UInt8(ascii: ",")) { continue }
      guard take(UInt8(ascii: "]")) else { throw fault("expected ',' or ']'") }
      depth -= 1
      return .array(items)
    }
  }

  private mutating func parseString() throws(JSONError) -> String {
    position += 1
    let start = position
    while position < bytes.count {
      let byte = bytes[position]
      if byte == UInt8(ascii: "\"") {
        let text = try decode(bytes[start..<position], at: start)
        position += 1
        return text
      }
      if byte == UInt8(ascii: "\\") { return try parseEscapedString(from: start) }
      guard byte >= 0x20 else { throw fault("control character in a string") }
      position += 1
    }
    throw fault("unterminated string")
  }

  /// Continues a string at its first backslash.
  private mutating func parseEscapedString(from start: Int) throws(JSONError) -> String {
    var text = Array(bytes[start..<position])
    while position < bytes.count {
      let byte = bytes[position]
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        return try decode(text[...], at: start)
      case UInt8(ascii: "\\"):
        text.append(contentsOf: try parseEscape())
      default:
        guard byte >= 0x20 else { throw fault("control character in a string") }
        text.append(byte)
        position += 1
      }
    }
    throw fault("unterminated string")
  }

  private mutating func parseEscape() throws(JSONError) -> [UInt8] {
    position += 1
    guard position < bytes.count else { throw fault("unterminated string") }
    let byte = bytes[position]
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
    case UInt8(ascii: "b"): return [0x08]
    case UInt8(ascii: "f"): return [0x0C]
    case UInt8(ascii: "n"): return [0x0A]
    case UInt8(ascii: "r"): return [0x0D]
    case UInt8(ascii: "t"): return [0x09]
    case UInt8(ascii: "u"): return Array(String(Character(try parseUnicodeEscape())).utf8)
    default:
      position -= 1
      throw fault("unknown escape")
    }
  }

  private mutating func parseUnicodeEscape() throws(JSONError) -> Unicode.Scalar {
    let start = position - 2
    var code = try parseFourHexDigits()
    if (0xD800..<0xDC00).contains(code) {
      guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else { throw surrogateFault(start) }
      let low = try parseFourHexDigits()
      guard (0xDC00..<0xE000).contains(low) else { throw surrogateFault(start) }
      code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
    }
    guard let scalar = Unicode.Scalar(code) else { throw surrogateFault(start) }
    return scalar
  }

  private func surrogateFault(_ offset: Int) -> JSONError {
    JSONError(offset: offset, message: "lone surrogate in a string")
  }

  private mutating func parseFourHexDigits() throws(JSONError) -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard position < bytes.count, let digit = hexadecimalDigit(bytes[position]) else {
        throw fault("expected four hexadecimal digits")
      }
      code = code << 4 | digit
      position += 1
    }
    return code
  }

  private func hexadecimalDigit(_ byte: UInt8) -> UInt32? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a")) + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A")) + 10
    default: nil
    }
  }

  private func decode(_ text: ArraySlice<UInt8>, at offset: Int) throws(JSONError) -> String {
    guard let string = String(validating: text, as: UTF8.self) else {
      throw JSONError(offset: offset, message: "a string is not valid UTF-8")
    }
    return string
  }

  private mutating func parseNumber() throws(JSONError) -> JSONValue {
    let start = position
    let isNegative = take(UInt8(ascii: "-"))
    let firstDigit = position
    var magnitude: Int64 = 0
    var overflows = false
    while position < bytes.count, let digit = decimalDigit(bytes[position]) {
      let (scaled, scaleOverflow) = magnitude.multipliedReportingOverflow(by: 10)
      // Accumulated as a negative number, because -2^63 has no positive twin.
      let (sum, sumOverflow) = scaled.subtractingReportingOverflow(Int64(digit))
      overflows = overflows || scaleOverflow || sumOverflow
      magnitude = sum
      position += 1
    }
    guard position > firstDigit else { throw fault("expected a digit") }
    if position - firstDigit > 1, bytes[firstDigit] == UInt8(ascii: "0") {
      throw JSONError(offset: firstDigit, message: "a number has a leading zero")
    }
    let isInteger = try !skipFractionAndExponent()
    if isInteger, !overflows {
      if isNegative { return .int(magnitude) }
      if magnitude != .min { return .int(-magnitude) }
    }
    guard let number = Double(String(decoding: bytes[start..<position], as: UTF8.self)), number.isFinite else {
      throw JSONError(offset: start, message: "a number is out of range")
    }
    return .double(number)
  }

  /// True when there was either.
  private mutating func skipFractionAndExponent() throws(JSONError) -> Bool {
    var found = false
    if take(UInt8(ascii: ".")) {
      found = true
      try skipDigits()
    }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      found = true
      if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
      try skipDigits()
    }
    return found
  }

  private mutating func skipDigits() throws(JSONError) {
    let start = position
    while position < bytes.count, decimalDigit(bytes[position]) != nil { position += 1 }
    guard position > start else { throw fault("expected a digit") }
  }

  private func decimalDigit(_ byte: UInt8) -> UInt8? {
    let digit = byte &- UInt8(ascii: "0")
    return digit < 10 ? digit : nil
  }

  private mutating func skipWhitespace() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x09, 0x0A, 0x0D: position += 1
      default: return
      }
    }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard position < bytes.count, bytes[position] == byte else { return false }
    position += 1
    return true
  }

  private func fault(_ message: String) -> JSONError {
    JSONError(offset: position, message: message)
  }
}
