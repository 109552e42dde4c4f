/// A type that states the JSON Schema of its values by itself: because its initialiser refuses values that others take,
/// or to say more than its Swift type does (a range, a pattern).
public protocol SchemaProviding: Decodable {
  /// A JSON Schema whose instances the type's `Decodable` initialiser takes.
  static var jsonSchema: String { get }
  /// Any value: it stands in for a decoded one while the schema of a type around it is made.
  static var example: Self { get }
}
