/// A JSON type that a parameter's schema allows.
enum ParameterType: Sendable {
  case string, integer, number, boolean, object, array, null

  /// Reads a schema's name for a type, with the spellings that schemas made from databases and Python types have.
  init?(named name: String) {
    let word = name.lowercased().prefix { $0.isLetter }
    switch word {
    case "string", "str", "text", "varchar", "char", "enum", "uuid", "date", "datetime", "time", "timestamp":
      self = .string
    case "integer", "int", "uint", "long", "short", "unsigned", "bigint", "smallint", "tinyint": self = .integer
    case "number", "num", "float", "double", "decimal", "real", "numeric": self = .number
    case "boolean", "bool": self = .boolean
    case "object", "dict", "map": self = .object
    case "array", "arr", "list", "tuple", "set": self = .array
    case "null", "none": self = .null
    default: return nil
    }
  }

  init(of value: JSONValue) {
    switch value {
    case .null: self = .null
    case .bool: self = .boolean
    case .int: self = .integer
    case .double: self = .number
    case .string: self = .string
    case .array: self = .array
    case .object: self = .object
    }
  }

  /// All types that a parameter's JSON Schema allows; empty when it does not say.
  static func types(of schema: JSONValue, depth: Int = 0) -> Set<ParameterType> {
    guard depth < 8 else { return [] }
    var types = Set<ParameterType>()
    let names = schema["type"].map { $0.arrayValue ?? [$0] } ?? []
    types.formUnion(names.compactMap { $0.stringValue }.compactMap { ParameterType(named: $0) })
    if types.isEmpty, let values = schema["enum"]?.arrayValue { types.formUnion(values.map { ParameterType(of: $0) }) }
    if let value = schema["const"] { types.insert(ParameterType(of: value)) }
    for keyword in ["anyOf", "oneOf", "allOf"] {
      for branch in schema[keyword]?.arrayValue ?? [] { types.formUnion(Self.types(of: branch, depth: depth + 1)) }
    }
    if types.isEmpty, schema["properties"] != nil { types.insert(.object) }
    if types.isEmpty, schema["items"] != nil { types.insert(.array) }
    return types
  }
}
