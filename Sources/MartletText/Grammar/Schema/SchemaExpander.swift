/// Writes schemas as unions of shapes. What follows other schemas at the same place of the instance (`allOf`, `anyOf`,
/// `$ref` ...) is expanded; subschemas of members and items stay references, so that recursion ends.
struct SchemaExpander {
  var document: SchemaDocument
  let numbers: NumberLanguage
  let budget: GrammarBudget
  private let lexemes: JSONLexemes
  private var active: Set<SchemaReference> = []
  private var known: [SchemaReference: [SchemaShape]] = [:]

  init(_ document: SchemaDocument, _ arena: inout RegularArena, _ lexemes: JSONLexemes, _ budget: GrammarBudget) {
    self.document = document
    self.lexemes = lexemes
    self.budget = budget
    numbers = NumberLanguage(&arena, lexemes)
  }

  /// The shapes of a conjunction.
  mutating func shapes(
    _ references: [SchemaReference], _ arena: inout RegularArena
  ) throws(GrammarError) -> [SchemaShape] {
    var result = [SchemaShape.anything(lexemes)]
    for reference in references { result = try product(result, try shapes(reference, &arena), "#", &arena) }
    return result
  }

  private mutating func shapes(
    _ reference: SchemaReference, _ arena: inout RegularArena
  ) throws(GrammarError) -> [SchemaShape] {
    if let known = known[reference] { return known }
    let (pointer, value) = document.schemas[reference.index]
    guard active.count < budget.maxDepth else {
      throw GrammarError(.tooLarge, at: pointer, "the nesting of applicators", "is deeper than \(budget.maxDepth)")
    }
    guard active.insert(reference).inserted else {
      throw GrammarError(.invalid, at: pointer, "$ref", "leads back to itself without a member or item between")
    }
    defer { active.remove(reference) }
    var result = try positive(value, pointer, &arena)
    if reference.isNegated { result = try complement(result, pointer, &arena) }
    if let budget = arena.exhausted { throw GrammarError(.tooLarge, at: pointer, budget, "is over its budget") }
    known[reference] = result
    return result
  }

  func product(
    _ left: [SchemaShape], _ right: [SchemaShape], _ pointer: String, _ arena: inout RegularArena
  ) throws(GrammarError) -> [SchemaShape] {
    guard left.count * right.count <= budget.maxAlternatives * 4 else {
      throw GrammarError(
        .tooLarge, at: pointer, "the union of alternatives", "has over \(budget.maxAlternatives) members")
    }
    var result: [SchemaShape] = []
    for one in left {
      for other in right {
        let shape = one.intersection(other, lexemes, &arena)
        if !isEmpty(shape, &arena) { result.append(shape) }
      }
    }
    guard result.count <= budget.maxAlternatives else {
      throw GrammarError(
        .tooLarge, at: pointer, "the union of alternatives", "has over \(budget.maxAlternatives) members")
    }
    return result
  }

  private func isEmpty(_ shape: SchemaShape, _ arena: inout RegularArena) -> Bool {
    !shape.null && !shape.yes && !shape.no && shape.object == nil && shape.array == nil && !arena.isLive(shape.string)
      && !arena.isLive(shape.number)
  }

  private mutating func positive(
    _ value: JSONValue, _ pointer: String, _ arena: inout RegularArena
  ) throws(GrammarError) -> [SchemaShape] {
    if let flag = value.boolValue { return flag ? [.anything(lexemes)] : [] }
    guard let object = value.objectValue else {
      throw GrammarError(.invalid, at: pointer, "a schema", "must be an object or a boolean")
    }
    if let target = object["$ref"] {
      guard let text = target.stringValue else {
        throw GrammarError(.invalid, at: pointer, "$ref", "must be a string")
      }
      let reference = try document.resolve(text, at: pointer)
      let own = try shapes(reference, &arena)
      if document.referenceHidesSiblings || object.count == 1 { return own }
      return try product(own, try siblings(object, pointer, &arena), pointer, &arena)
    }
    return try siblings(object, pointer, &arena)
  }

  private mutating func siblings(
    _ object: JSONObject, _ pointer: String, _ arena: inout RegularArena
  ) throws(GrammarError) -> [SchemaShape] {
    let reader = SchemaKeywords(object: object, pointer: pointer, lexemes: lexemes, numbers: numbers, budget: budget)
    try reader.refuseUnsupported()
    var result = [try reader.shape(&document, &arena)]
    if let values = try reader.literals() {
      var union: [SchemaShape] = []
      for literal in values { union.append(literalShape(literal.value, literal.pointer, &arena)) }
      result = try product(result, merged(union, &arena), pointer, &arena)
    }
    for list in try reader.list("allOf", &document) {
      result = try product(result, try shapes(list, &arena), pointer, &arena)
    }
    let anyOf = try reader.list("anyOf", &document)
    if object["anyOf"] != nil {
      var union: [SchemaShape] = []
      for reference in anyOf { union += try shapes(reference, &arena) }
      result = try product(result, union, pointer + "/anyOf", &arena)
    }
    let oneOf = try reader.list("oneOf", &document)
    if object["oneOf"] != nil { result = try product(result, try exactlyOne(oneOf, pointer, &arena), pointer, &arena) }
    if let not = object["not"] {
      let reference = document.reference(pointer + "/not", not).negated
      result = try product(result, try shapes(reference, &arena), pointer, &arena)
    }
    for condition in try reader.conditions(&document) {
      var union: [SchemaShape] = []
      for branch in condition { union += try shapes(branch, &arena) }
      result = try product(result, union, pointer, &arena)
    }
    return result
  }

  // MARK: Literals

  /// The one value; containers become facets of literal members.
  private mutating func literalShape(
    _ value: JSONValue, _ pointer: String, _ arena: inout RegularArena
  ) -> SchemaShape {
    var shape = SchemaShape.nothing()
    switch value {
    case .null: shape.null = true
    case .bool(let flag):
      shape.yes = flag
      shape.no = !flag
    case .int, .double:
      if let digits = NumberLanguage.Digits(value) { shape.number = numbers.equal(digits, &arena) }
    case .string(let text): shape.string = arena.literal(JSONValue.string(text).serialized())
    case .array(let items):
      var facet = SchemaShape.ArrayFacet()
      facet.pointer = pointer
      facet.minimum = items.count
      facet.maximum = items.count
      for (index, item) in items.enumerated() {
        facet.prefix.append(document.reference("\(pointer)/\(index)?", .object(["const": item])))
      }
      shape.array = [facet]
    case .object(let object):
      var facet = SchemaShape.ObjectFacet()
      facet.pointer = pointer
      facet.required = object.keys
      facet.additional = document.reference("\(pointer)?", .bool(false))
      for (key, member) in object.members {
        let schema = document.reference(
          "\(pointer)/\(SchemaDocument.escape(key))?", .object(["const": member]))
        facet.properties.append((key, schema))
      }
      shape.object = [facet]
    }
    return shape
  }

  /// Scalars of a union in one shape.
  private func merged(_ shapes: [SchemaShape], _ arena: inout RegularArena) -> [SchemaShape] {
    var scalars = SchemaShape.nothing()
    var others: [SchemaShape] = []
    var strings: [RegularID] = []
    var values: [RegularID] = []
    for shape in shapes {
      if shape.object != nil || shape.array != nil {
        others.append(shape)
      } else {
        scalars.null = scalars.null || shape.null
        scalars.yes = scalars.yes || shape.yes
        scalars.no = scalars.no || shape.no
        strings.append(shape.string)
        values.append(shape.number)
      }
    }
    scalars.string = arena.choice(strings)
    scalars.number = arena.choice(values)
    return [scalars] + others
  }

  // MARK: oneOf

  private mutating func exactlyOne(
    _ references: [SchemaReference], _ pointer: String, _ arena: inout RegularArena
  ) throws(GrammarError) -> [SchemaShape] {
    guard references.count <= budget.maxAlternatives else {
      throw GrammarError(.tooLarge, at: pointer, "oneOf", "has over \(budget.maxAlternatives) members")
    }
    var result: [SchemaShape] = []
    for (index, reference) in references.enumerated() {
      var branch = try shapes(reference, &arena)
      for (other, rival) in references.enumerated() where other != index {
        arena.checkDeadline()
        if let budget = arena.exhausted { throw GrammarError(.tooLarge, at: pointer, budget, "is over its budget") }
        let common = try product(branch, try shapes(rival, &arena), pointer, &arena)
        var overlaps = false
        for shape in common where !overlaps { overlaps = try !isCertainlyEmpty(shape, 3, &arena) }
        guard overlaps else { continue }
        do {
          branch = try product(branch, try shapes(rival.negated, &arena), pointer, &arena)
        } catch {
          throw GrammarError(
            .unsupported, at: pointer, "oneOf", "has branches \(index) and \(other) that may both match")
        }
      }
      result += branch
    }
    return result
  }

  /// Proves that a shape matches nothing, looking `depth` levels into members.
  mutating func isCertainlyEmpty(
    _ shape: SchemaShape, _ depth: Int, _ arena: inout RegularArena
  ) throws(GrammarError) -> Bool {
    if shape.null || shape.yes || shape.no || arena.isLive(shape.string) || arena.isLive(shape.number) { return false }
    if let facets = shape.array {
      let minimum = facets.map(\.minimum).max() ?? 0
      let maximum = facets.compactMap(\.maximum).min() ?? .max
      guard minimum > maximum else { return false }
    }
    guard let facets = shape.object else { return true }
    guard depth > 0 else { return false }
    let layout = ObjectLayout(facets, &arena)
    if facets.map(\.minimum).max() ?? 0 > facets.compactMap(\.maximum).min() ?? .max { return true }
    for member in layout.members where member.isRequired {
      if member.isForbidden { return true }
      guard let options = try? shapes(member.schemas, &arena) else { continue }
      var empty = true
      for option in options where empty { empty = try isCertainlyEmpty(option, depth - 1, &arena) }
      if empty { return true }
    }
    return false
  }

  // MARK: Complement

  private mutating func complement(
    _ shapes: [SchemaShape], _ pointer: String, _ arena: inout RegularArena
  ) throws(GrammarError) -> [SchemaShape] {
    var result = [SchemaShape.anything(lexemes)]
    for shape in shapes {
      var union = SchemaShape.nothing()
      union.null = !shape.null
      union.yes = !shape.yes
      union.no = !shape.no
      union.string =
        shape.string == RegularArena.nothing
        ? lexemes.freeString
        : shape.string == lexemes.freeString ? RegularArena.nothing : arena.all(lexemes.string, arena.not(shape.string))
      union.number =
        shape.number == RegularArena.nothing
        ? lexemes.number
        : shape.number == lexemes.number ? RegularArena.nothing : arena.all(numbers.decimal, arena.not(shape.number))
      var alternatives = [union]
      let complements = SchemaComplement(pointer: pointer)
      if let facets = shape.object {
        for facet in facets {
          for other in try complements.facets(facet, &document) {
            var alternative = SchemaShape.nothing()
            alternative.object = [other]
            alternatives.append(alternative)
          }
        }
      } else {
        alternatives[0].object = []
      }
      if let facets = shape.array {
        for facet in facets {
          for other in try complements.facets(facet, &document) {
            var alternative = SchemaShape.nothing()
            alternative.array = [other]
            alternatives.append(alternative)
          }
        }
      } else {
        alternatives[0].array = []
      }
      result = try product(result, alternatives, pointer, &arena)
    }
    return result
  }
}
