/// A conjunction of constraints, sorted by the type they speak about. A schema is a union of shapes.
struct SchemaShape: Sendable {
  var null: Bool
  var yes: Bool
  var no: Bool
  /// Quoted strings as they are written.
  var string: RegularID
  /// Numbers as they are written. Every value has all its spellings without an exponent, or none, so that complement
  /// and intersection are those of values; only the language of all numbers has exponents too.
  var number: RegularID
  /// Nil: no objects.
  var object: [ObjectFacet]?
  /// Nil: no arrays.
  var array: [ArrayFacet]?

  /// What one schema says about objects.
  struct ObjectFacet: Sendable {
    var properties: [(name: String, schema: SchemaReference)] = []
    /// Languages of quoted names.
    var patterns: [(names: RegularID, schema: SchemaReference)] = []
    var additional: SchemaReference?
    var required: [String] = []
    var minimum = 0
    var maximum: Int?
    var names: RegularID?
    /// A keyword here cannot be complemented.
    var pointer = "#"
  }

  /// What one schema says about arrays.
  struct ArrayFacet: Sendable {
    var prefix: [SchemaReference] = []
    var items: SchemaReference?
    var contains: SchemaReference?
    var minContains = 1
    var maxContains: Int?
    var minimum = 0
    var maximum: Int?
    var isUnique = false
    var pointer = "#"
  }

  static func nothing() -> SchemaShape {
    SchemaShape(
      null: false, yes: false, no: false, string: RegularArena.nothing, number: RegularArena.nothing, object: nil,
      array: nil)
  }

  static func anything(_ lexemes: JSONLexemes) -> SchemaShape {
    SchemaShape(
      null: true, yes: true, no: true, string: lexemes.freeString, number: lexemes.number, object: [], array: [])
  }

  func intersection(_ other: SchemaShape, _ lexemes: JSONLexemes, _ arena: inout RegularArena) -> SchemaShape {
    var result = SchemaShape.nothing()
    result.null = null && other.null
    result.yes = yes && other.yes
    result.no = no && other.no
    result.string = Self.meet(string, other.string, within: lexemes.freeString, &arena)
    result.number = Self.meet(number, other.number, within: lexemes.number, &arena)
    if let left = object, let right = other.object { result.object = left + right }
    if let left = array, let right = other.array { result.array = left + right }
    return result
  }

  /// What two sublanguages of `universe` have in common. An intersection that does not show costs nothing later.
  static func meet(
    _ left: RegularID, _ right: RegularID, within universe: RegularID, _ arena: inout RegularArena
  ) -> RegularID {
    if left == universe { return right }
    return right == universe ? left : arena.all(left, right)
  }
}
