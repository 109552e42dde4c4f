/// Turns a parameter that a model wrote as plain text into JSON.
enum ParameterValue {
  /// What says whether a text is a string or something else.
  enum Typing: Sendable {
    /// The tool's schema; what is not declared is a string.
    case schema
    /// The tool's schema; what is not declared is JSON if it can be read so.
    case schemaOrJSON
  }

  /// Whether every text of such a parameter is a string, so that it can be passed on as it comes.
  static func isAlwaysString(_ types: Set<ParameterType>, _ typing: Typing) -> Bool {
    switch typing {
    case .schema: types.isEmpty || types == [.string]
    case .schemaOrJSON: types == [.string]
    }
  }

  /// The JSON text of a whole value: the first of the declared types that fits, else a string.
  static func json(_ bytes: ArraySlice<UInt8>, types: Set<ParameterType>) -> [UInt8] {
    let text = trimmed(bytes)
    let parsed = try? JSONValue(parsing: Array(text))
    if types.contains(.null), isNull(text) { return Array("null".utf8) }
    if types.contains(.string) { return quoted(bytes) }
    if types.isEmpty { return parsed == nil ? quoted(bytes) : Array(text) }
    if let parsed, types.contains(where: { fits(parsed, $0) }) { return Array(text) }
    if types.contains(.boolean), let flag = boolean(text) { return Array((flag ? "true" : "false").utf8) }
    if types.contains(.object) || types.contains(.array), let value = PythonLiteralWriter.json(text) { return value }
    // A number or a truth value inside quotes.
    if let inner = parsed?.stringValue, let value = try? JSONValue(parsing: inner),
      types.contains(where: { fits(value, $0) })
    {
      return Array(inner.utf8)
    }
    return isNull(text) ? Array("null".utf8) : quoted(bytes)
  }

  private static func fits(_ value: JSONValue, _ type: ParameterType) -> Bool {
    switch (type, value) {
    case (.integer, .int), (.number, .int), (.number, .double), (.boolean, .bool), (.object, .object),
      (.array, .array), (.null, .null):
      true
    case (.integer, .double(let number)): number == number.rounded()
    default: false
    }
  }

  private static func isNull(_ text: ArraySlice<UInt8>) -> Bool {
    ["null", "None", "nil", "NULL"].contains { text.elementsEqual($0.utf8) }
  }

  private static func boolean(_ text: ArraySlice<UInt8>) -> Bool? {
    switch String(decoding: text, as: UTF8.self).lowercased() {
    case "true": true
    case "false": false
    default: nil
    }
  }

  private static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var text = bytes.drop { $0.isWhitespace }
    while text.last?.isWhitespace ?? false { text.removeLast() }
    return text
  }

  static func quoted(_ bytes: some Collection<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    JSONValue.write(String(decoding: bytes, as: UTF8.self), to: &result)
    return result
  }

  /// A part of a string as it stands between JSON's quotes.
  static func escaped(_ bytes: some Collection<UInt8>) -> ArraySlice<UInt8> { quoted(bytes).dropFirst().dropLast() }
}
