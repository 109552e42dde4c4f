import MartletText

/// A field of a body as /openapi.json describes it: what routes read of requests, and what their answers hold.
struct RequestField: Sendable {
  indirect enum Kind: Sendable {
    case string, bool, number, list, strings
    case integer(ClosedRange<Int>?)
    /// With the fields that are read of it.
    case object([RequestField])
    /// Of objects.
    case listOf([RequestField])
    /// JSON as a value or as a string.
    case document
    /// Several types, in words.
    case oneOf([Kind])
  }

  let name: String
  let kind: Kind

  init(_ name: String, _ kind: Kind) {
    self.name = name
    self.kind = kind
  }

  static func integer(_ name: String, _ range: ClosedRange<Int>? = nil) -> RequestField {
    RequestField(name, .integer(range))
  }

  /// The JSON Schema; null is the same as absent everywhere.
  var schema: JSONValue { ["anyOf": [kind.schema, ["type": "null"]]] }

  /// An object's schema.
  static func schema(of fields: [RequestField], required: [String] = []) -> JSONValue {
    var object: JSONObject = [
      "type": "object", "properties": .object(JSONObject(fields.map { ($0.name, $0.schema) })),
    ]
    if !required.isEmpty { object["required"] = .array(required.map { .string($0) }) }
    return .object(object)
  }
}

extension RequestField.Kind {
  var schema: JSONValue {
    switch self {
    case .string: return ["type": "string"]
    case .bool: return ["type": "boolean"]
    case .number: return ["type": "number"]
    case .list: return ["type": "array"]
    case .strings: return ["anyOf": [["type": "string"], ["type": "array", "items": ["type": "string"]]]]
    case .integer(let range):
      var schema: JSONObject = ["type": "integer"]
      if let range {
        schema["minimum"] = .int(Int64(range.lowerBound))
        schema["maximum"] = .int(Int64(range.upperBound))
      }
      return .object(schema)
    case .object(let fields): return RequestField.schema(of: fields)
    case .listOf(let fields): return ["type": "array", "items": RequestField.schema(of: fields)]
    case .document: return ["type": ["string", "object", "boolean"]]
    case .oneOf(let kinds): return ["anyOf": .array(kinds.map(\.schema))]
    }
  }
}
