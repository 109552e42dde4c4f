/// Members of an object; those that are asked for by `decodeIfPresent` may be left out.
struct SchemaKeyedContainer<Key: CodingKey>: KeyedDecodingContainerProtocol {
  let decoder: SchemaDecoder

  var codingPath: [any CodingKey] { [] }
  var allKeys: [Key] { [] }

  func contains(_ key: Key) -> Bool {
    _ = decoder.record.optionalMember(key.stringValue)
    return true
  }

  func decodeNil(forKey key: Key) throws -> Bool {
    decoder.record.allowNull(key.stringValue)
    return false
  }

  func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
    let name = key.stringValue
    return try decoder.decode(type, into: decoder.record.member(name), at: name)
  }

  func decodeIfPresent<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value? {
    let name = key.stringValue, record = decoder.record.optionalMember(name)
    if let reference = decoder.visitor.reference(to: type) {
      record.become(reference)
      return nil
    }
    return try decoder.decode(type, into: record, at: name)
  }

  func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type, forKey key: Key
  ) throws -> KeyedDecodingContainer<Nested> {
    try nested(key.stringValue).container(keyedBy: type)
  }

  func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
    try nested(key.stringValue).unkeyedContainer()
  }

  func superDecoder() throws -> any Decoder { nested("super") }
  func superDecoder(forKey key: Key) throws -> any Decoder { nested(key.stringValue) }

  private func nested(_ name: String) -> SchemaDecoder {
    SchemaDecoder(
      visitor: decoder.visitor, record: decoder.record.member(name), path: decoder.path + [name])
  }
}
