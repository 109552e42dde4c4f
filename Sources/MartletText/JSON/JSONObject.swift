/// The members of a JSON object in document order; a repeated key keeps its first place and its last value.
package struct JSONObject: Sendable, Equatable {
  package private(set) var keys: [String] = []
  private var values: [JSONKey: JSONValue] = [:]

  package init() {}
  package init(_ members: [(String, JSONValue)]) {
    for (key, value) in members { self[key] = value }
  }

  package var count: Int { keys.count }

  /// Setting nil removes the member.
  /// - Complexity: O(1); removal is O(count).
  package subscript(key: String) -> JSONValue? {
    get { values[JSONKey(text: key)] }
    set {
      if let newValue {
        if values.updateValue(newValue, forKey: JSONKey(text: key)) == nil { keys.append(key) }
      } else if values.removeValue(forKey: JSONKey(text: key)) != nil {
        keys.removeAll { $0.utf8.elementsEqual(key.utf8) }
      }
    }
  }

  package var members: [(key: String, value: JSONValue)] {
    keys.map { ($0, values[JSONKey(text: $0)] ?? .null) }
  }
}
