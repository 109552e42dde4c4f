/// Reads the beginning of a call that is a JSON object: `{"name": "f", "arguments": `, members in any order.
struct JSONCallHeader: Sendable {
  struct Found {
    var name: String
    var id: String?
    /// Bytes up to the arguments, or the whole object when `arguments` is set.
    var length: Int
    /// Objects around the arguments that are still open.
    var openObjects: Int
    /// Set when the object ended: its arguments as JSON text.
    var arguments: [UInt8]?
  }

  /// A header that is longer is no call.
  static let longest = 1 << 16
  private static let nameKeys: Set = ["name", "tool_name", "function"]
  private static let argumentKeys: Set = ["arguments", "parameters", "args"]
  private static let idKeys: Set = ["id", "tool_call_id"]
  private static let otherKeys: Set = ["type", "index", "tool", "reason"]

  /// Names that calls may have; nil when any will do.
  let allowedNames: Set<String>?

  private enum Fault: Error { case partial, mismatch }

  func match(_ input: ParseBuffer, from start: Int) -> PatternMatch<Found> {
    do throws(Fault) {
      var reader = Reader(input: input, index: start)
      return .match(try read(&reader))
    } catch {
      let isTooLong = input.count - start > Self.longest
      return error == .partial && !input.isComplete && !isTooLong ? .partial : .mismatch
    }
  }

  private func read(_ reader: inout Reader) throws(Fault) -> Found {
    var name: String?, id: String?, arguments: [UInt8]?
    var open = 1
    try reader.expect("{")
    var isFirst = true
    while true {
      if try reader.take("}") {
        open -= 1
        if open > 0 { continue }
        guard let name else { throw .mismatch }
        return Found(name: name, id: id, length: reader.index, openObjects: 0, arguments: arguments ?? Array("{}".utf8))
      }
      if !isFirst { try reader.expect(",") }
      isFirst = false
      let key = try reader.string()
      try reader.expect(":")
      let next = try reader.peek()
      if key == "function", next == UInt8(ascii: "{"), open == 1 {
        try reader.expect("{")
        open = 2
        isFirst = true
      } else if Self.nameKeys.contains(key) {
        let text = try reader.string()
        guard allowedNames?.contains(text) ?? !text.isEmpty else { throw .mismatch }
        name = text
      } else if Self.argumentKeys.contains(key) {
        if let name, next == UInt8(ascii: "{") {
          return Found(name: name, id: id, length: reader.index, openObjects: open, arguments: nil)
        }
        arguments = Self.arguments(try reader.value())
      } else if Self.idKeys.contains(key), next == UInt8(ascii: "\"") {
        id = try reader.string()
      } else {
        // A bare object is only taken for a call while it looks like one.
        guard allowedNames == nil || Self.otherKeys.contains(key) || Self.idKeys.contains(key) else { throw .mismatch }
        _ = try reader.value()
      }
    }
  }

  /// Arguments that are no object: none at all, an object inside a string, or as they are.
  private static func arguments(_ value: ArraySlice<UInt8>) -> [UInt8] {
    guard let parsed = try? JSONValue(parsing: Array(value)) else { return Array(value) }
    if parsed.isNull { return Array("{}".utf8) }
    guard let text = parsed.stringValue else { return Array(value) }
    let inner = try? JSONValue(parsing: text)
    return inner?.objectValue == nil ? Array(value) : Array(text.utf8)
  }

  /// Steps through JSON without going back.
  private struct Reader {
    let input: ParseBuffer
    var index: Int

    mutating func peek() throws(Fault) -> UInt8 {
      index = input.skipWhitespace(from: index)
      guard let byte = input[index] else { throw .partial }
      return byte
    }

    mutating func take(_ scalar: Unicode.Scalar) throws(Fault) -> Bool {
      guard UInt32(try peek()) == scalar.value else { return false }
      index += 1
      return true
    }

    mutating func expect(_ scalar: Unicode.Scalar) throws(Fault) {
      guard try take(scalar) else { throw .mismatch }
    }

    mutating func string() throws(Fault) -> String {
      guard try peek() == UInt8(ascii: "\"") else { throw .mismatch }
      let slice = try value()
      guard let text = (try? JSONValue(parsing: Array(slice)))?.stringValue else { throw .mismatch }
      return text
    }

    /// One value of any kind.
    mutating func value() throws(Fault) -> ArraySlice<UInt8> {
      let first = try peek(), start = index
      if first == UInt8(ascii: "{") || first == UInt8(ascii: "[") || first == UInt8(ascii: "\"") {
        var depth = 0, isInString = false, isEscaped = false
        while let byte = input[index] {
          index += 1
          if isEscaped {
            isEscaped = false
          } else if isInString {
            if byte == UInt8(ascii: "\\") { isEscaped = true }
            if byte == UInt8(ascii: "\"") { isInString = false }
          } else if byte == UInt8(ascii: "\"") {
            isInString = true
          } else if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
            depth += 1
          } else if byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") {
            depth -= 1
          }
          if depth <= 0, !isInString { return input.slice(start..<index) }
        }
        throw .partial
      }
      while let byte = input[index], byte != UInt8(ascii: ","), byte != UInt8(ascii: "}"), byte != UInt8(ascii: "]"),
        !byte.isWhitespace
      { index += 1 }
      guard index > start else { throw .mismatch }
      guard index < input.count else { throw .partial }
      return input.slice(start..<index)
    }
  }
}
