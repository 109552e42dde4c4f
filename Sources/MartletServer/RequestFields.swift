import MartletCore
import MartletText

/// Reads the members of a JSON object by name and type. Absent and null are the same; unknown members are ignored;
/// every error names its field.
struct RequestFields: Sendable {
  let object: JSONObject
  private let path: String

  init(_ object: JSONObject, path: String = "") {
    self.object = object
    self.path = path
  }

  init(_ value: JSONValue, path: String) throws(InvalidField) {
    guard case .object(let object) = value else {
      throw InvalidField(field: path.isEmpty ? "body" : path, reason: "must be an object")
    }
    self.init(object, path: path)
  }

  func name(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

  func invalid(_ key: String, _ reason: String) -> InvalidField { InvalidField(field: name(key), reason: reason) }

  func value(_ key: String) -> JSONValue? {
    switch object[key] {
    case nil, .null?: nil
    case let value?: value
    }
  }

  func has(_ key: String) -> Bool { value(key) != nil }

  func string(_ key: String) throws(InvalidField) -> String? {
    guard let value = value(key) else { return nil }
    guard case .string(let text) = value else { throw invalid(key, "must be a string") }
    return text
  }

  func bool(_ key: String, default fallback: Bool = false) throws(InvalidField) -> Bool {
    guard let value = value(key) else { return fallback }
    guard case .bool(let flag) = value else { throw invalid(key, "must be true or false") }
    return flag
  }

  func double(_ key: String) throws(InvalidField) -> Double? {
    guard let value = value(key) else { return nil }
    guard let number = Self.double(value) else { throw invalid(key, "must be a finite number") }
    return number
  }

  func int(_ key: String, in range: ClosedRange<Int> = Int.min...Int.max) throws(InvalidField) -> Int? {
    guard let value = value(key) else { return nil }
    guard let number = Self.int(value) else { throw invalid(key, "must be an integer") }
    guard range.contains(number) else {
      let limit =
        switch (range.lowerBound, range.upperBound) {
        case (Int.min, let high): "at most \(high)"
        case (let low, Int.max): "at least \(low)"
        case (let low, let high): "between \(low) and \(high)"
        }
      throw invalid(key, "must be \(limit), got \(number)")
    }
    return number
  }

  func array(_ key: String) throws(InvalidField) -> [JSONValue]? {
    guard let value = value(key) else { return nil }
    guard case .array(let elements) = value else { throw invalid(key, "must be a list") }
    return elements
  }

  func fields(_ key: String) throws(InvalidField) -> RequestFields? {
    guard let value = value(key) else { return nil }
    return try RequestFields(value, path: name(key))
  }

  /// A string, or a list of strings.
  func strings(_ key: String) throws(InvalidField) -> [String]? {
    if case .string(let text)? = value(key) { return [text] }
    guard case .array(let elements)? = value(key) else {
      if has(key) { throw invalid(key, "must be a string or a list of strings") }
      return nil
    }
    return try elements.map { (element) throws(InvalidField) in
      guard case .string(let text) = element else { throw invalid(key, "must hold strings") }
      return text
    }
  }

  func tokens(_ key: String) throws(InvalidField) -> [TokenID]? {
    guard let elements = try array(key) else { return nil }
    return try Self.tokens(elements, field: name(key))
  }

  static func tokens(_ elements: [JSONValue], field: String) throws(InvalidField) -> [TokenID] {
    try elements.map { (element) throws(InvalidField) in
      guard let number = int(element), let id = Int32(exactly: number), id >= 0 else {
        throw InvalidField(field: field, reason: "must hold token ids")
      }
      return TokenID(id)
    }
  }

  private static func double(_ value: JSONValue) -> Double? {
    switch value {
    case .int(let number): Double(number)
    case .double(let number) where number.isFinite: number
    case .null, .bool, .double, .string, .array, .object: nil
    }
  }

  /// 3.0 counts as 3, as in most JSON writers.
  private static func int(_ value: JSONValue) -> Int? {
    switch value {
    case .int(let number): Int(exactly: number)
    case .double(let number): Int(exactly: number)
    case .null, .bool, .string, .array, .object: nil
    }
  }
}
