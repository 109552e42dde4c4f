extension JSONValue {
  /// Appends the compact form in UTF-8. Non-finite numbers become null; doubles have the fewest digits that read back
  /// to the same value; only what RFC 8259 requires is escaped.
  package func write(to bytes: inout [UInt8]) {
    switch self {
    case .null: bytes.append(contentsOf: "null".utf8)
    case .bool(let value): bytes.append(contentsOf: (value ? "true" : "false").utf8)
    case .int(let value): bytes.append(contentsOf: String(value).utf8)
    case .double(let value): bytes.append(contentsOf: (value.isFinite ? "\(value)" : "null").utf8)
    case .string(let text): JSONValue.write(text, to: &bytes)
    case .array(let items):
      bytes.append(UInt8(ascii: "["))
      var isFirst = true
      for item in items {
        if !isFirst { bytes.append(UInt8(ascii: ",")) }
        isFirst = false
        item.write(to: &bytes)
      }
      bytes.append(UInt8(ascii: "]"))
    case .object(let object): object.write(to: &bytes)
    }
  }

  /// The compact form in UTF-8.
  package func serialized() -> [UInt8] {
    var bytes: [UInt8] = []
    write(to: &bytes)
    return bytes
  }

  /// The compact form as text.
  package func serializedText() -> String {
    String(decoding: serialized(), as: UTF8.self)
  }

  /// Appends `text` as a quoted JSON string.
  package static func write(_ text: String, to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""): bytes.append(contentsOf: "\\\"".utf8)
      case UInt8(ascii: "\\"): bytes.append(contentsOf: "\\\\".utf8)
      case 0x08: bytes.append(contentsOf: "\\b".utf8)
      case 0x09: bytes.append(contentsOf: "\\t".utf8)
      case 0x0A: bytes.append(contentsOf: "\\n".utf8)
      case 0x0C: bytes.append(contentsOf: "\\f".utf8)
      case 0x0D: bytes.append(contentsOf: "\\r".utf8)
      case 0..<0x20:
        bytes.append(contentsOf: (byte < 0x10 ? "\\u000" : "\\u001").utf8)
        bytes.append(contentsOf: String(byte & 0x0F, radix: 16).utf8)
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }
}

extension JSONObject {
  /// Appends the compact form in UTF-8, members in document order.
  package func write(to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "{"))
    var isFirst = true
    for key in keys {
      if !isFirst { bytes.append(UInt8(ascii: ",")) }
      isFirst = false
      JSONValue.write(key, to: &bytes)
      bytes.append(UInt8(ascii: ":"))
      (self[key] ?? .null).write(to: &bytes)
    }
    bytes.append(UInt8(ascii: "}"))
  }
}
