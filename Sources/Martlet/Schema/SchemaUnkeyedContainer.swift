/// Items of an array: one to whoever looks for the end, else as many as are read.
struct SchemaUnkeyedContainer: UnkeyedDecodingContainer {
  let decoder: SchemaDecoder

  var codingPath: [any CodingKey] { [] }
  var count: Int? { nil }
  var currentIndex: Int { decoder.record.itemCount }
  var isAtEnd: Bool {
    decoder.record.lookForEnd()
    return currentIndex > 0
  }

  func decodeNil() throws -> Bool { false }

  func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
    let name = "[\(currentIndex)]"
    return try decoder.decode(type, into: decoder.record.item(), at: name)
  }

  func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) throws -> KeyedDecodingContainer<Nested> {
    try nested().container(keyedBy: type)
  }

  func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer { try nested().unkeyedContainer() }
  func superDecoder() throws -> any Decoder { nested() }

  private func nested() -> SchemaDecoder {
    let path = decoder.path + ["[\(currentIndex)]"]
    return SchemaDecoder(visitor: decoder.visitor, record: decoder.record.item(), path: path)
  }
}
