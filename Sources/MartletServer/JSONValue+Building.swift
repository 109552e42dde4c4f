import MartletText

extension JSONValue {
  static func record(_ members: (String, JSONValue)...) -> JSONValue { .object(JSONObject(members)) }
  static func int(_ value: Int) -> JSONValue { .int(Int64(value)) }
  static func number(_ value: Float) -> JSONValue { .double(Double(value)) }
  static func text(_ value: String?) -> JSONValue { value.map(JSONValue.string) ?? .null }
  static func list<Element>(_ elements: [Element], _ make: (Element) -> JSONValue) -> JSONValue {
    .array(elements.map(make))
  }

  var utf8: [UInt8] {
    var bytes: [UInt8] = []
    write(to: &bytes)
    return bytes
  }
}
