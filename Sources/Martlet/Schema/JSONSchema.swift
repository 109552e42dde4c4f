import MartletText

/// The JSON Schema of what a Swift type decodes from.
public struct JSONSchema: Sendable, Hashable {
  /// The schema as JSON.
  public let text: String

  /// Derives the schema by asking the type's `Decodable` initialiser what it reads. Structs, classes, arrays, sets, tuples
  /// in unkeyed containers, dictionaries with string keys, optionals, enums that are `CaseIterable` with raw values, numbers
  /// in their ranges, `Date` (RFC 3339 in UTC), `URL`, `UUID` and `Data` (Base64) are known; a type that refers to itself
  /// through an optional, an array or a dictionary becomes a `$ref`.
  /// - Throws: `MartletError` that names the property whose type has no schema, and the remedy.
  /// - Complexity: O(properties), those of nested types included.
  public init<Value: Decodable>(of type: Value.Type) throws {
    let visitor = SchemaVisitor()
    var schema = try visitor.schema(of: type, path: [])
    if visitor.definitions.count > 0, case .object(var object) = schema {
      object["$defs"] = .object(visitor.definitions)
      schema = .object(object)
    }
    text = schema.serializedText()
  }
}

extension OutputForm {
  /// JSON that a type decodes from.
  public static func instances<Value: Decodable>(of type: Value.Type) throws -> OutputForm {
    .jsonSchema(try JSONSchema(of: type).text)
  }
}
