/// Complements of what schemas say about containers, as unions of facets.
struct SchemaComplement {
  let pointer: String

  private func refusal(_ keyword: String) -> GrammarError {
    GrammarError(.unsupported, at: pointer, "not", "over \(keyword) cannot be enforced")
  }

  func facets(
    _ facet: SchemaShape.ObjectFacet, _ document: inout SchemaDocument
  ) throws(GrammarError) -> [SchemaShape.ObjectFacet] {
    guard facet.patterns.isEmpty else { throw refusal("patternProperties") }
    guard facet.additional == nil else { throw refusal("additionalProperties or a literal object") }
    guard facet.names == nil else { throw refusal("propertyNames") }
    var result: [SchemaShape.ObjectFacet] = []
    let never = document.reference(pointer + "?false", .bool(false))
    for name in facet.required {
      var other = SchemaShape.ObjectFacet()
      other.properties = [(name, never)]
      result.append(other)
    }
    for (name, schema) in facet.properties {
      var other = SchemaShape.ObjectFacet()
      other.properties = [(name, schema.negated)]
      other.required = [name]
      result.append(other)
    }
    if facet.minimum > 0 {
      var other = SchemaShape.ObjectFacet()
      other.maximum = facet.minimum - 1
      result.append(other)
    }
    if let maximum = facet.maximum {
      var other = SchemaShape.ObjectFacet()
      other.minimum = maximum + 1
      other.pointer = pointer
      result.append(other)
    }
    return result
  }

  func facets(
    _ facet: SchemaShape.ArrayFacet, _ document: inout SchemaDocument
  ) throws(GrammarError) -> [SchemaShape.ArrayFacet] {
    guard !facet.isUnique else { throw refusal("uniqueItems") }
    var result: [SchemaShape.ArrayFacet] = []
    func add(_ change: (inout SchemaShape.ArrayFacet) -> Void) {
      var other = SchemaShape.ArrayFacet()
      other.pointer = pointer
      change(&other)
      result.append(other)
    }
    let always = document.reference(pointer + "?true", .bool(true))
    for (index, schema) in facet.prefix.enumerated() {
      add {
        $0.prefix = Array(repeating: always, count: index) + [schema.negated]
        $0.minimum = index + 1
      }
    }
    if let items = facet.items {
      guard facet.prefix.isEmpty else { throw refusal("items behind prefixItems") }
      add { $0.contains = items.negated }
    }
    if let contains = facet.contains {
      guard facet.minContains == 1, facet.maxContains == nil else { throw refusal("minContains or maxContains") }
      add { $0.items = contains.negated }
    }
    if facet.minimum > 0 { add { $0.maximum = facet.minimum - 1 } }
    if let maximum = facet.maximum { add { $0.minimum = maximum + 1 } }
    return result
  }
}
