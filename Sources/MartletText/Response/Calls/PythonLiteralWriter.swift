/// Rewrites one Python literal as JSON while it comes: strings of either quote, True, False, None, lists, tuples,
/// dictionaries. JSON itself passes through unchanged.
struct PythonLiteralWriter: Sendable {
  private enum State {
    case plain
    case string(quote: UInt8)
  }

  private var state = State.plain
  private var depth = 0

  /// Consumes the literal; true at its end: in front of a comma, an equals sign or a closing bracket outside of it.
  mutating func advance(_ input: inout ParseBuffer, _ emit: ([UInt8]) -> Void) -> Bool {
    while let byte = input[0] {
      switch state {
      case .string(let quote):
        guard passString(byte, quote, &input, emit) else { return false }
      case .plain:
        if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") {
          emit([UInt8(ascii: "\"")])
          state = .string(quote: byte)
          input.consume(1)
        } else if byte.isWordPart {
          var end = 0
          while let next = input[end], next.isWordPart { end += 1 }
          guard end < input.count || input.isComplete else { return false }
          emit(Self.word(input.take(end)))
        } else if depth == 0, byte == UInt8(ascii: ",") || byte.isClosing {
          return true
        } else {
          input.consume(1)
          if depth > 0 || !byte.isWhitespace { emit(punctuation(byte)) }
        }
      }
    }
    return false
  }

  /// False when more text is needed.
  private mutating func passString(
    _ byte: UInt8, _ quote: UInt8, _ input: inout ParseBuffer, _ emit: ([UInt8]) -> Void
  ) -> Bool {
    if byte == quote {
      emit([UInt8(ascii: "\"")])
      state = .plain
      input.consume(1)
      return true
    }
    if byte == UInt8(ascii: "\\") {
      guard let (length, bytes) = Self.escape(input) else {
        if input.isComplete { input.consume(input.count) }
        return false
      }
      emit(bytes)
      input.consume(length)
      return true
    }
    var end = 1
    while let next = input[end], next != quote, next != UInt8(ascii: "\\") { end += 1 }
    emit(Array(ParameterValue.escaped(input.take(end))))
    return true
  }

  /// The length of the escape at the beginning and what it is inside a JSON string; nil while it is unfinished.
  private static func escape(_ input: ParseBuffer) -> (Int, [UInt8])? {
    guard let kind = input[1] else { return nil }
    switch kind {
    case UInt8(ascii: "n"), UInt8(ascii: "t"), UInt8(ascii: "r"), UInt8(ascii: "b"), UInt8(ascii: "f"),
      UInt8(ascii: "\\"), UInt8(ascii: "\""), UInt8(ascii: "/"):
      return (2, [UInt8(ascii: "\\"), kind])
    case UInt8(ascii: "'"): return (2, [kind])
    case UInt8(ascii: "u"), UInt8(ascii: "x"):
      let digits = kind == UInt8(ascii: "u") ? 4 : 2
      guard input.count >= 2 + digits else { return nil }
      let slice = input.slice(2..<2 + digits)
      guard slice.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit }) else { break }
      return (2 + digits, Array("\\u".utf8) + Array(repeating: UInt8(ascii: "0"), count: 4 - digits) + slice)
    default: break
    }
    // Python keeps the backslash of an escape that it does not know.
    return (1, Array("\\\\".utf8))
  }

  private mutating func punctuation(_ byte: UInt8) -> [UInt8] {
    switch byte {
    case UInt8(ascii: "("), UInt8(ascii: "["):
      depth += 1
      return [UInt8(ascii: "[")]
    case UInt8(ascii: "{"):
      depth += 1
      return [byte]
    case UInt8(ascii: ")"), UInt8(ascii: "]"):
      depth -= 1
      return [UInt8(ascii: "]")]
    case UInt8(ascii: "}"):
      depth -= 1
      return [byte]
    default: return [byte]
    }
  }

  private static func word(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    switch String(decoding: bytes, as: UTF8.self) {
    case "True": Array("true".utf8)
    case "False": Array("false".utf8)
    case "None": Array("null".utf8)
    default: Array(bytes)
    }
  }

  /// A whole literal as JSON; nil for what is none.
  static func json(_ bytes: ArraySlice<UInt8>) -> [UInt8]? {
    var input = ParseBuffer()
    input.append(bytes)
    input.complete()
    var writer = PythonLiteralWriter(), result: [UInt8] = []
    _ = writer.advance(&input) { result += $0 }
    guard input.isEmpty, (try? JSONValue(parsing: result)) != nil else { return nil }
    return result
  }
}

extension UInt8 {
  var isWordPart: Bool {
    switch self {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...:
      true
    default: false
    }
  }

  fileprivate var isClosing: Bool {
    self == UInt8(ascii: ")") || self == UInt8(ascii: "]") || self == UInt8(ascii: "}")
  }
}
