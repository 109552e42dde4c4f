import MartletText

/// Walks through the types of one schema. Its decoders hand out examples, so that initialisers go on to their ends.
final class SchemaVisitor {
  private(set) var definitions = JSONObject()
  /// Types whose initialisers are running, and their names once something refers to them.
  private var open: [ObjectIdentifier: String?] = [:]
  private var takenNames: Set<String> = []

  /// The schema of a type that a value is not needed of.
  func schema<Value: Decodable>(of type: Value.Type, path: [String]) throws -> JSONValue {
    try reference(to: type) ?? visit(type, path: path).schema
  }

  /// A reference to a type whose schema is being made.
  func reference<Value>(to type: Value.Type) -> JSONValue? {
    let id = ObjectIdentifier(type)
    guard let known = open[id] else { return nil }
    let name = known ?? freeName(for: String(describing: type))
    open[id] = .some(name)
    return ["$ref": .string("#/$defs/\(name)")]
  }

  /// The schema of a type, and one of its values.
  func visit<Value: Decodable>(_ type: Value.Type, path: [String]) throws -> (schema: JSONValue, value: Value) {
    if let leaf = SchemaLeaf.of(type), let value = leaf.value as? Value { return (leaf.schema, value) }
    if let provider = type as? any SchemaProviding.Type, let value = provider.example as? Value {
      return (try stated(provider.jsonSchema, of: type, path: path), value)
    }
    if let cases = type as? any CaseIterable.Type, let known = try enumeration(cases, path: path),
      let value = known.value as? Value
    {
      return (known.schema, value)
    }
    if let collection = type as? any SchemaCollection.Type {
      let known = try contents(of: collection, path: path)
      if let value = known.value as? Value { return (known.schema, value) }
    }
    return try composite(type, path: path)
  }

  private func composite<Value: Decodable>(
    _ type: Value.Type, path: [String]
  ) throws -> (schema: JSONValue, value: Value) {
    let id = ObjectIdentifier(type)
    guard open[id] == nil else {
      throw problem(path, "\(type) contains itself: put an optional, an array or a dictionary between")
    }
    open[id] = .some(nil)
    defer { open[id] = nil }
    let record = SchemaRecord()
    let value: Value
    do {
      value = try Value(from: SchemaDecoder(visitor: self, record: record, path: path))
    } catch let error as MartletError {
      throw error
    } catch {
      throw problem(
        path,
        "\(type) does not take examples: make it SchemaProviding (enums must be CaseIterable and have raw values)")
    }
    let schema = record.schema
    guard let name = open[id] ?? nil else { return (schema, value) }
    definitions[name] = schema
    return (["$ref": .string("#/$defs/\(name)")], value)
  }

  private func stated<Value>(_ text: String, of type: Value.Type, path: [String]) throws -> JSONValue {
    do { return try JSONValue(parsing: text) } catch {
      throw problem(path, "the schema of \(type) is not well-formed JSON: \(error.message)")
    }
  }

  private func enumeration<Cases: CaseIterable>(
    _ type: Cases.Type, path: [String]
  ) throws -> (schema: JSONValue, value: Any)? {
    var values: [JSONValue] = []
    for item in type.allCases {
      guard let raw = (item as? any RawRepresentable)?.rawValue else { return nil }
      switch raw {
      case let text as String: values.append(.string(text))
      case let number as any BinaryInteger: values.append(.int(Int64(clamping: number)))
      default: throw problem(path, "the raw values of \(type) must be strings or integers")
      }
    }
    guard let first = type.allCases.first else { throw problem(path, "\(type) has no cases") }
    return (["enum": .array(values)], first)
  }

  private func contents<Collection: SchemaCollection>(
    of type: Collection.Type, path: [String]
  ) throws -> (schema: JSONValue, value: Any) {
    let inner = try schema(of: Collection.Content.self, path: path + [Collection.isNamed ? "*" : "[]"])
    let schema: JSONValue =
      Collection.isNamed ? ["type": "object", "additionalProperties": inner] : ["type": "array", "items": inner]
    return (schema, Collection.empty)
  }

  private func freeName(for type: String) -> String {
    let plain = String(type.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
    var name = plain, number = 2
    while !takenNames.insert(name).inserted {
      name = "\(plain)\(number)"
      number += 1
    }
    return name
  }

  func problem(_ path: [String], _ text: String) -> MartletError {
    MartletError(.request, (path.isEmpty ? "" : "at \(path.joined(separator: ".")): ") + text)
  }
}
