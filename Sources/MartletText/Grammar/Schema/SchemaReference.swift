/// A subschema, or its complement.
struct SchemaReference: Hashable, Sendable {
  /// Index in the `SchemaDocument`.
  let index: Int
  var isNegated = false

  var negated: SchemaReference { SchemaReference(index: index, isNegated: !isNegated) }
}
