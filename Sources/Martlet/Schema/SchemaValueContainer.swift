/// A type that is another one, or nothing.
struct SchemaValueContainer: SingleValueDecodingContainer {
  let decoder: SchemaDecoder

  var codingPath: [any CodingKey] { [] }

  func decodeNil() -> Bool {
    decoder.record.allowNull()
    return false
  }

  func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
    try decoder.decode(type, into: decoder.record, at: nil)
  }
}
