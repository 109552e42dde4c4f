/// A type that holds any number of values of another one.
protocol SchemaCollection {
  associatedtype Content: Decodable
  /// Whether the values have names: a JSON object in place of an array.
  static var isNamed: Bool { get }
  static var empty: Self { get }
}

extension Array: SchemaCollection where Element: Decodable {
  typealias Content = Element
  static var isNamed: Bool { false }
  static var empty: [Element] { [] }
}

extension Set: SchemaCollection where Element: Decodable {
  typealias Content = Element
  static var isNamed: Bool { false }
  static var empty: Set<Element> { [] }
}

extension Dictionary: SchemaCollection where Key == String, Value: Decodable {
  typealias Content = Value
  static var isNamed: Bool { true }
  static var empty: [String: Value] { [:] }
}
