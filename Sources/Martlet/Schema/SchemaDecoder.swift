/// Answers an initialiser with examples, and records what it reads.
struct SchemaDecoder: Decoder {
  let visitor: SchemaVisitor
  let record: SchemaRecord
  /// Names of the properties down to this value.
  let path: [String]

  var codingPath: [any CodingKey] { [] }
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
    record.becomeObject()
    return KeyedDecodingContainer(SchemaKeyedContainer<Key>(decoder: self))
  }

  func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
    record.becomeArray()
    return SchemaUnkeyedContainer(decoder: self)
  }

  func singleValueContainer() throws -> any SingleValueDecodingContainer { SchemaValueContainer(decoder: self) }

  /// An example of `type`, whose schema goes into `record`.
  func decode<Value: Decodable>(_ type: Value.Type, into record: SchemaRecord, at name: String?) throws -> Value {
    let (schema, value) = try visitor.visit(type, path: path + (name.map { [$0] } ?? []))
    record.become(schema)
    return value
  }
}
