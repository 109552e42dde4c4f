/// Reads JSON front to back without a tree: tokenizer files hold hundreds of thousands of entries.
@safe struct JSONScanner {
  private let bytes: UnsafeBufferPointer<UInt8>
  private let count: Int
  private(set) var position = 0

  init(_ bytes: UnsafeBufferPointer<UInt8>) {
    unsafe self.bytes = unsafe bytes
    count = bytes.count
  }

  func fault(_ message: String) -> TokenizerError {
    TokenizerError(field: "tokenizer.json", problem: "is not JSON at byte \(position): \(message)")
  }

  private mutating func skipSpace() {
    while position < count {
      let byte = unsafe bytes[position]
      guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
      position += 1
    }
  }

  /// The next byte that is no space; 0 at the end.
  mutating func peek() -> UInt8 {
    skipSpace()
    return position < count ? unsafe bytes[position] : 0
  }

  mutating func expect(_ byte: UInt8) throws(TokenizerError) {
    guard peek() == byte else { throw fault("expected \(Character(Unicode.Scalar(byte)))") }
    position += 1
  }

  mutating func take(_ byte: UInt8) -> Bool {
    guard peek() == byte else { return false }
    position += 1
    return true
  }

  func expectEnd() throws(TokenizerError) {
    var copy = self
    copy.skipSpace()
    guard copy.position == count else { throw copy.fault("unexpected bytes behind the document") }
  }

  /// Calls `body` at each value of an array.
  mutating func forEachElement(_ body: (inout JSONScanner) throws(TokenizerError) -> Void) throws(TokenizerError) {
    try expect(UInt8(ascii: "["))
    if take(UInt8(ascii: "]")) { return }
    repeat { try body(&self) } while take(UInt8(ascii: ","))
    try expect(UInt8(ascii: "]"))
  }

  /// Calls `body` at each key of an object; it reads the key, a colon and the value.
  mutating func forEachMember(_ body: (inout JSONScanner) throws(TokenizerError) -> Void) throws(TokenizerError) {
    try expect(UInt8(ascii: "{"))
    if take(UInt8(ascii: "}")) { return }
    repeat { try body(&self) } while take(UInt8(ascii: ","))
    try expect(UInt8(ascii: "}"))
  }

  mutating func key() throws(TokenizerError) -> String {
    var text: [UInt8] = []
    try string(into: &text)
    try expect(UInt8(ascii: ":"))
    return String(decoding: text, as: UTF8.self)
  }

  /// Appends a string's bytes.
  mutating func string(into result: inout [UInt8]) throws(TokenizerError) {
    try expect(UInt8(ascii: "\""))
    while true {
      let start = position
      while position < count, unsafe bytes[position] != 0x22, unsafe bytes[position] != 0x5C { position += 1 }
      guard position < count else { throw fault("a string does not end") }
      unsafe result.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[start..<position]))
      position += 1
      if unsafe bytes[position - 1] == 0x22 { return }
      try escape(into: &result)
    }
  }

  private mutating func escape(into result: inout [UInt8]) throws(TokenizerError) {
    guard position < count else { throw fault("a string does not end") }
    let byte = unsafe bytes[position]
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): result.append(byte)
    case UInt8(ascii: "b"): result.append(0x08)
    case UInt8(ascii: "f"): result.append(0x0C)
    case UInt8(ascii: "n"): result.append(0x0A)
    case UInt8(ascii: "r"): result.append(0x0D)
    case UInt8(ascii: "t"): result.append(0x09)
    case UInt8(ascii: "u"):
      var value = try hexadecimal()
      if value & 0xFC00 == 0xD800, position + 1 < count, unsafe bytes[position] == 0x5C,
        unsafe bytes[position + 1] == UInt8(ascii: "u")
      {
        position += 2
        let low = try hexadecimal()
        guard low & 0xFC00 == 0xDC00 else { throw fault("a surrogate stands alone") }
        value = 0x10000 + (value & 0x3FF) << 10 + low & 0x3FF
      }
      guard let scalar = Unicode.Scalar(value) else { throw fault("a surrogate stands alone") }
      result.append(contentsOf: UTF8.encode(scalar)?.map { $0 } ?? [])
    default: throw fault("an unknown escape")
    }
  }

  private mutating func hexadecimal() throws(TokenizerError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard position < count, let digit = unsafe Character(Unicode.Scalar(bytes[position])).hexDigitValue else {
        throw fault("an unfinished escape")
      }
      value = value << 4 | UInt32(digit)
      position += 1
    }
    return value
  }

  /// A number that is not negative and under 2^31.
  mutating func index() throws(TokenizerError) -> Int {
    guard (48...57).contains(peek()) else { throw fault("expected an index") }
    var value = 0
    while position < count, case let digit = unsafe bytes[position] &- 48, digit < 10 {
      value = value * 10 + Int(digit)
      guard value < 1 << 31 else { throw fault("an index is too large") }
      position += 1
    }
    return value
  }

  mutating func number() throws(TokenizerError) -> Double {
    skipSpace()
    let start = position
    while position < count, unsafe (48...57).contains(bytes[position]) || "+-.eE".utf8.contains(bytes[position]) {
      position += 1
    }
    guard let value = unsafe Double(String(decoding: bytes[start..<position], as: UTF8.self)) else {
      throw fault("expected a number")
    }
    return value
  }

  /// Passes over a value and gives its bytes. Only brackets and strings are looked at.
  mutating func skipValue() throws(TokenizerError) -> [UInt8] {
    skipSpace()
    let start = position
    var depth = 0
    var ignored: [UInt8] = []
    repeat {
      switch peek() {
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        depth += 1
        position += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        depth -= 1
        position += 1
        guard depth >= 0 else { throw fault("expected a value") }
      case UInt8(ascii: "\""):
        ignored.removeAll(keepingCapacity: true)
        try string(into: &ignored)
      case UInt8(ascii: ","), UInt8(ascii: ":"):
        guard depth > 0 else { throw fault("expected a value") }
        position += 1
      case 0: throw fault("unexpected end of the document")
      default:
        while position < count, unsafe !",]}: \n\r\t\"[{".utf8.contains(bytes[position]) { position += 1 }
      }
    } while depth > 0
    return unsafe Array(bytes[start..<position])
  }
}
