import MartletText

/// What one initialiser has asked its decoder for.
final class SchemaRecord {
  private enum Shape {
    case unknown
    case value(JSONValue)
    case object
    case array
  }

  private struct Member {
    let name: String
    let record: SchemaRecord
    /// The initialiser has asked whether it is there.
    var isAsked = false
    var isRequired = false
  }

  private var shape = Shape.unknown
  private var members: [Member] = []
  private var items: [SchemaRecord] = []
  /// An initialiser that looks for the end of an array takes any number of items.
  private var hasLookedForEnd = false
  private var isNullable = false

  func becomeObject() { if case .unknown = shape { shape = .object } }
  func becomeArray() { if case .unknown = shape { shape = .array } }
  func become(_ schema: JSONValue) { shape = .value(schema) }
  func allowNull() { isNullable = true }
  func lookForEnd() { hasLookedForEnd = true }
  var itemCount: Int { items.count }

  /// The record of a member that the initialiser reads; one that it has asked for before may be left out.
  func member(_ name: String) -> SchemaRecord {
    let index = index(of: name)
    if !members[index].isAsked { members[index].isRequired = true }
    return members[index].record
  }

  /// The record of a member that may be left out.
  func optionalMember(_ name: String) -> SchemaRecord {
    let index = index(of: name)
    members[index].isAsked = true
    return members[index].record
  }

  /// A member that may be null; null stands for nothing where it may be left out.
  func allowNull(_ name: String) {
    let index = index(of: name)
    if !members[index].isAsked { members[index].record.allowNull() }
  }

  private func index(of name: String) -> Int {
    becomeObject()
    if let index = members.firstIndex(where: { $0.name == name }) { return index }
    members.append(Member(name: name, record: SchemaRecord()))
    return members.count - 1
  }

  func item() -> SchemaRecord {
    becomeArray()
    let record = SchemaRecord()
    items.append(record)
    return record
  }

  var schema: JSONValue {
    let plain: JSONValue
    switch shape {
    case .unknown: plain = ["type": "object", "additionalProperties": false]
    case .value(let schema): plain = schema
    case .object: plain = object
    case .array: plain = array
    }
    return isNullable ? ["anyOf": [plain, ["type": "null"]]] : plain
  }

  private var object: JSONValue {
    var properties = JSONObject()
    for member in members { properties[member.name] = member.record.schema }
    let required = members.filter(\.isRequired).map { JSONValue.string($0.name) }
    return [
      "type": "object", "properties": .object(properties), "required": .array(required),
      "additionalProperties": false,
    ]
  }

  private var array: JSONValue {
    if hasLookedForEnd { return ["type": "array", "items": items.first?.schema ?? true] }
    let count = JSONValue.int(Int64(items.count))
    return ["type": "array", "prefixItems": .array(items.map(\.schema)), "items": false, "minItems": count]
  }
}
