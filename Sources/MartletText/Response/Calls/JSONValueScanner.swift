/// Passes one JSON object or list on as it comes, and finds its end. Control characters in strings, which models write
/// and JSON forbids, are escaped; other faults are passed on as they are.
struct JSONValueScanner: Sendable {
  private var depth: Int
  private var isInString = false
  private var isEscaped = false

  /// - Parameter depth: brackets that are open already.
  init(depth: Int = 0) { self.depth = depth }

  /// Consumes bytes of the value; true when it has ended.
  mutating func advance(_ input: inout ParseBuffer, _ emit: (ArraySlice<UInt8>) -> Void) -> Bool {
    var index = 0, start = 0
    defer { input.consume(index) }
    while let byte = input[index] {
      if isInString, byte < 0x20 {
        emit(input.slice(start..<index))
        emit(Self.escape(byte)[...])
        isEscaped = false
        index += 1
        start = index
        continue
      }
      index += 1
      if pass(byte) {
        emit(input.slice(start..<index))
        return true
      }
    }
    emit(input.slice(start..<index))
    return false
  }

  /// True when `byte` ends the value.
  private mutating func pass(_ byte: UInt8) -> Bool {
    if isInString {
      if isEscaped {
        isEscaped = false
      } else if byte == UInt8(ascii: "\\") {
        isEscaped = true
      } else if byte == UInt8(ascii: "\"") {
        isInString = false
      }
      return false
    }
    switch byte {
    case UInt8(ascii: "\""): isInString = true
    case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
    case UInt8(ascii: "}"), UInt8(ascii: "]"):
      depth -= 1
      return depth <= 0
    default: break
    }
    return false
  }

  private static func escape(_ byte: UInt8) -> [UInt8] {
    var bytes: [UInt8] = []
    JSONValue.write(String(UnicodeScalar(byte)), to: &bytes)
    return Array(bytes.dropFirst().dropLast())
  }
}
