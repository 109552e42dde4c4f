import MartletCore
import MartletText

/// Typed reads from a request's JSON object; each error names the field. Absent and null are the same; unknown fields
/// are ignored.
struct RequestFields {
  let object: JSONObject
  /// Path in front of field names.
  let path: String
  /// What the client calls a field, where a dialect has been put into the chat endpoint's words.
  let clientNames: [String: String]

  init(_ value: JSONValue, path: String = "", clientNames: [String: String] = [:]) throws(InvalidField) {
    guard let object = value.objectValue else {
      throw InvalidField(field: path.isEmpty ? "body" : path, reason: "must be an object")
    }
    self.object = object
    self.path = path
    self.clientNames = clientNames
  }

  func name(_ key: String) -> String { path.isEmpty ? clientNames[key] ?? key : "\(path).\(key)" }

  func value(_ key: String) -> JSONValue? {
    guard let value = object[key], !value.isNull else { return nil }
    return value
  }

  private func read<T>(_ key: String, _ kind: String, _ convert: (JSONValue) -> T?) throws(InvalidField) -> T? {
    guard let value = value(key) else { return nil }
    guard let converted = convert(value) else { throw InvalidField(field: name(key), reason: "must be \(kind)") }
    return converted
  }

  func string(_ key: String) throws(InvalidField) -> String? { try read(key, "a string") { $0.stringValue } }
  func bool(_ key: String) throws(InvalidField) -> Bool? { try read(key, "true or false") { $0.boolValue } }
  func double(_ key: String) throws(InvalidField) -> Double? { try read(key, "a number") { $0.doubleValue } }
  func array(_ key: String) throws(InvalidField) -> [JSONValue]? { try read(key, "a list") { $0.arrayValue } }

  func integer(_ key: String) throws(InvalidField) -> Int? {
    try read(key, "an integer that fits 64 bits") { $0.intValue }
  }

  func integer(_ key: String, in range: ClosedRange<Int>) throws(InvalidField) -> Int? {
    guard let value = try integer(key) else { return nil }
    guard range.contains(value) else {
      throw InvalidField(
        field: name(key), reason: "must be between \(range.lowerBound) and \(range.upperBound), got \(value)")
    }
    return value
  }

  func fields(_ key: String) throws(InvalidField) -> RequestFields? {
    guard let value = value(key) else { return nil }
    return try RequestFields(value, path: name(key))
  }

  /// A string or a list of strings.
  func strings(_ key: String) throws(InvalidField) -> [String]? {
    guard let value = value(key) else { return nil }
    if let single = value.stringValue { return [single] }
    guard let list = value.arrayValue else {
      throw InvalidField(field: name(key), reason: "must be a string or a list of strings")
    }
    var strings: [String] = []
    for item in list {
      guard let string = item.stringValue else {
        throw InvalidField(field: name(key), reason: "must be a string or a list of strings")
      }
      strings.append(string)
    }
    return strings
  }

  /// A list of token ids.
  func tokens(_ key: String) throws(InvalidField) -> [TokenID]? {
    guard let list = try array(key) else { return nil }
    return try Self.tokens(list, field: name(key))
  }

  static func tokens(_ list: [JSONValue], field: String) throws(InvalidField) -> [TokenID] {
    var tokens: [TokenID] = []
    tokens.reserveCapacity(list.count)
    for item in list {
      guard let id = item.intValue, let exact = Int32(exactly: id) else {
        throw InvalidField(field: field, reason: "must hold token ids")
      }
      tokens.append(TokenID(exact))
    }
    return tokens
  }

  /// Refuses fields that ask for what this version does not do.
  func refuse(_ keys: [String]) throws(InvalidField) {
    for key in keys {
      switch value(key) {
      case nil, .bool(false)?: continue
      default: throw InvalidField(field: name(key), reason: "is not supported yet")
      }
    }
  }
}
