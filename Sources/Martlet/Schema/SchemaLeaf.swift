import Foundation
import MartletText

/// A type whose values are JSON scalars, and one of its values.
struct SchemaLeaf: Sendable {
  let schema: JSONValue
  let value: any Sendable

  /// The leaf of a type; nil for types that are made of others.
  static func of<Value>(_ type: Value.Type) -> SchemaLeaf? { table[ObjectIdentifier(type)] }

  private static let table: [ObjectIdentifier: SchemaLeaf] = {
    var table: [ObjectIdentifier: SchemaLeaf] = [:]
    func add<Value: Sendable>(_ value: Value, _ schema: JSONValue) {
      table[ObjectIdentifier(Value.self)] = SchemaLeaf(schema: schema, value: value)
    }
    // Integers beyond are not exact in every reader of JSON.
    let exact: Int64 = 1 << 53 - 1
    func addInteger<Value: FixedWidthInteger & Sendable>(_ value: Value) {
      let low = max(Int64(clamping: Value.min), -exact), high = min(Int64(clamping: Value.max), exact)
      add(value, ["type": "integer", "minimum": .int(low), "maximum": .int(high)])
    }
    add(false, ["type": "boolean"])
    add("", ["type": "string"])
    addInteger(Int(0))
    addInteger(Int8(0))
    addInteger(Int16(0))
    addInteger(Int32(0))
    addInteger(Int64(0))
    addInteger(UInt(0))
    addInteger(UInt8(0))
    addInteger(UInt16(0))
    addInteger(UInt32(0))
    addInteger(UInt64(0))
    // Without an exponent, which could be beyond any type.
    let number: JSONValue = ["type": "number", "minimum": .int(-exact), "maximum": .int(exact)]
    add(Double(0), number)
    add(Float(0), number)
    add(Decimal(0), number)
    // Whole seconds in UTC.
    add(Date(timeIntervalSince1970: 0), ["type": "string", "format": "date-time", "pattern": "^[0-9T:-]+Z$"])
    add(UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)), ["type": "string", "format": "uuid"])
    add(URL(filePath: "/"), ["type": "string", "format": "uri"])
    add(Data(), ["type": "string", "pattern": "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"])
    return table
  }()
}
