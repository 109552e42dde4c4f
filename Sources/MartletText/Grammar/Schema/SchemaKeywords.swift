/// Reads the keywords of one schema object.
struct SchemaKeywords {
  let object: JSONObject
  let pointer: String
  let lexemes: JSONLexemes
  let numbers: NumberLanguage
  let budget: GrammarBudget

  private func invalid(_ keyword: String, _ reason: String) -> GrammarError {
    GrammarError(.invalid, at: pointer, keyword, reason)
  }

  private func unsupported(_ keyword: String, _ reason: String = "cannot be enforced") -> GrammarError {
    GrammarError(.unsupported, at: pointer, keyword, reason)
  }

  /// Keywords of JSON Schema that no part of this compiler enforces. Unknown keywords are annotations by the standard.
  func refuseUnsupported() throws(GrammarError) {
    for keyword in ["$dynamicRef", "$recursiveRef", "extends", "disallow", "divisibleBy"] where object[keyword] != nil {
      throw unsupported(keyword)
    }
    let applicators = [
      "allOf", "anyOf", "oneOf", "if", "$ref", "dependentSchemas", "dependencies", "not", "contains",
    ]
    for keyword in ["unevaluatedProperties", "unevaluatedItems"] where object[keyword] != nil {
      if object[keyword] == .bool(true) { continue }
      for applicator in applicators where object[applicator] != nil {
        throw unsupported(keyword, "beside \(applicator) cannot be enforced")
      }
    }
  }

  // MARK: Subschemas

  func list(_ keyword: String, _ document: inout SchemaDocument) throws(GrammarError) -> [SchemaReference] {
    guard let value = object[keyword] else { return [] }
    guard let items = value.arrayValue, !items.isEmpty else { throw invalid(keyword, "must be a list of schemas") }
    return items.enumerated().map { document.reference("\(pointer)/\(keyword)/\($0.offset)", $0.element) }
  }

  private func subschema(_ keyword: String, _ document: inout SchemaDocument) -> SchemaReference? {
    object[keyword].map { document.reference("\(pointer)/\(keyword)", $0) }
  }

  private func map(
    _ keyword: String, _ document: inout SchemaDocument
  ) throws(GrammarError) -> [(name: String, schema: SchemaReference)] {
    guard let value = object[keyword] else { return [] }
    guard let members = value.objectValue else { throw invalid(keyword, "must be an object") }
    return members.members.map { key, schema in
      (key, document.reference("\(pointer)/\(keyword)/\(SchemaDocument.escape(key))", schema))
    }
  }

  /// `enum` and `const`.
  func literals() throws(GrammarError) -> [(value: JSONValue, pointer: String)]? {
    if let value = object["const"] {
      guard let list = object["enum"]?.arrayValue else { return [(value, pointer + "/const")] }
      return list.contains { JSONValue.equal($0, value) } ? [(value, pointer + "/const")] : []
    }
    guard let value = object["enum"] else { return nil }
    guard let items = value.arrayValue else { throw invalid("enum", "must be a list") }
    return items.enumerated().map { ($0.element, "\(pointer)/enum/\($0.offset)") }
  }

  /// Unions that must hold: `if`/`then`/`else`, and what depends on a member's presence.
  func conditions(_ document: inout SchemaDocument) throws(GrammarError) -> [[SchemaReference]] {
    var result: [[SchemaReference]] = []
    if let condition = object["if"], object["then"] != nil || object["else"] != nil {
      let test = document.reference(pointer + "/if", condition)
      let then = document.reference(pointer + "/then", object["then"] ?? .bool(true))
      let otherwise = document.reference(pointer + "/else", object["else"] ?? .bool(true))
      let both = document.reference(
        pointer + "?then", .object(["allOf": .array([condition, object["then"] ?? .bool(true)])]))
      if case .bool(true) = object["then"] ?? .bool(true) {
        // Not `if`, then `else`; or `if`.
        result.append([test, otherwise])
      } else {
        let neither = document.reference(
          pointer + "?else",
          .object(["allOf": .array([.object(["not": condition]), object["else"] ?? .bool(true)])]))
        _ = then
        result.append([both, neither])
      }
    }
    var dependencies: [(String, JSONValue)] = []
    for keyword in ["dependentRequired", "dependentSchemas", "dependencies"] {
      guard let value = object[keyword] else { continue }
      guard let members = value.objectValue else { throw invalid(keyword, "must be an object") }
      dependencies += members.members.map { ($0.key, $0.value) }
    }
    for (index, dependency) in dependencies.enumerated() {
      let (name, value) = dependency
      let absent: JSONValue = .object(["properties": .object(JSONObject([(name, .bool(false))]))])
      let consequence: JSONValue
      switch value {
      case .array(let names): consequence = .object(["required": .array(names)])
      default: consequence = value
      }
      result.append([
        document.reference("\(pointer)?absent\(index)", absent),
        document.reference("\(pointer)?dependent\(index)", consequence),
      ])
    }
    return result
  }

  // MARK: Types

  func shape(_ document: inout SchemaDocument, _ arena: inout RegularArena) throws(GrammarError) -> SchemaShape {
    var shape = SchemaShape.anything(lexemes)
    if let type = object["type"] { shape = try typed(type, &arena) }
    if shape.string != RegularArena.nothing {
      shape.string = SchemaShape.meet(shape.string, try strings(&arena), within: lexemes.freeString, &arena)
    }
    if shape.number != RegularArena.nothing {
      shape.number = SchemaShape.meet(shape.number, try values(&arena), within: lexemes.number, &arena)
    }
    if shape.object != nil { shape.object = try objectFacet(&document, &arena) }
    if shape.array != nil { shape.array = try arrayFacet(&document) }
    return shape
  }

  private func typed(_ value: JSONValue, _ arena: inout RegularArena) throws(GrammarError) -> SchemaShape {
    let names = value.arrayValue?.map(\.stringValue) ?? [value.stringValue]
    var shape = SchemaShape.nothing()
    for name in names {
      switch name {
      case "null": shape.null = true
      case "boolean":
        shape.yes = true
        shape.no = true
      case "string": shape.string = lexemes.freeString
      case "number": shape.number = lexemes.number
      case "integer": if shape.number != lexemes.number { shape.number = numbers.integer }
      case "object": shape.object = []
      case "array": shape.array = []
      default: throw invalid("type", "must name a type of JSON")
      }
    }
    return shape
  }

  private func count(_ keyword: String) throws(GrammarError) -> Int? {
    guard let value = object[keyword] else { return nil }
    guard let count = value.intValue, count >= 0 else { throw invalid(keyword, "must be a whole number of at least 0") }
    return min(count, Int(Int32.max) - 1)
  }

  private func strings(_ arena: inout RegularArena) throws(GrammarError) -> RegularID {
    let minimum = Int32(try count("minLength") ?? 0)
    let maximum = try count("maxLength").map { Int32($0) }
    guard minimum <= maximum ?? Int32.max else { return RegularArena.nothing }
    var hasLength = minimum > 0 || maximum != nil
    var result = lexemes.freeString
    if let value = object["pattern"] {
      guard let pattern = value.stringValue else { throw invalid("pattern", "must be a string") }
      let location = pointer + "/pattern"
      var parser = RegexParser(pattern, location: location, maxDepth: budget.maxDepth)
      var node = try parser.parse()
      if hasLength, let limited = node.limited(to: minimum...(maximum ?? Int32.max)) {
        node = limited
        hasLength = false
      }
      let language = try RegexCompiler.compile(node, .search, .json, at: location, &arena)
      result = arena.sequence([lexemes.quote, language, lexemes.quote])
    }
    if hasLength {
      let text = arena.repetition(lexemes.freeCharacter, minimum: minimum, maximum: maximum)
      let language = arena.sequence([lexemes.quote, text, lexemes.quote])
      result = SchemaShape.meet(result, language, within: lexemes.freeString, &arena)
    }
    if let value = object["format"] {
      guard let name = value.stringValue else { throw invalid("format", "must be a string") }
      let language = try StringFormat.language(
        name, lexemes, at: pointer + "/format", maxDepth: budget.maxDepth, &arena)
      guard let language else { throw unsupported("format", "'\(name)' cannot be enforced") }
      result = SchemaShape.meet(result, language, within: lexemes.freeString, &arena)
    }
    return result
  }

  private func values(_ arena: inout RegularArena) throws(GrammarError) -> RegularID {
    var parts: [RegularID] = []
    func digits(_ keyword: String) throws(GrammarError) -> NumberLanguage.Digits? {
      guard let value = object[keyword] else { return nil }
      guard let digits = NumberLanguage.Digits(value) else { throw invalid(keyword, "must be a number") }
      return digits
    }
    func flag(_ keyword: String) -> Bool { object[keyword] == .bool(true) }
    if let bound = try digits("minimum") {
      parts.append(numbers.atLeast(bound, strictly: flag("exclusiveMinimum"), &arena))
    }
    if let bound = try digits("maximum") {
      parts.append(numbers.atMost(bound, strictly: flag("exclusiveMaximum"), &arena))
    }
    if object["exclusiveMinimum"]?.boolValue == nil, let bound = try digits("exclusiveMinimum") {
      parts.append(numbers.atLeast(bound, strictly: true, &arena))
    }
    if object["exclusiveMaximum"]?.boolValue == nil, let bound = try digits("exclusiveMaximum") {
      parts.append(numbers.atMost(bound, strictly: true, &arena))
    }
    if let divisor = try digits("multipleOf") {
      guard !divisor.isNegative, !divisor.isZero else { throw invalid("multipleOf", "must be over 0") }
      guard let language = numbers.multiple(of: divisor, &arena) else {
        throw unsupported("multipleOf", "has too many digits to be enforced")
      }
      parts.append(language)
    }
    return parts.isEmpty ? lexemes.number : arena.all(parts + [numbers.decimal])
  }

  private func objectFacet(
    _ document: inout SchemaDocument, _ arena: inout RegularArena
  ) throws(GrammarError) -> [SchemaShape.ObjectFacet] {
    var facet = SchemaShape.ObjectFacet()
    facet.pointer = pointer
    facet.properties = try map("properties", &document)
    for (pattern, schema) in try map("patternProperties", &document) {
      let language = try RegexCompiler.compile(
        pattern, .search, .json, at: pointer + "/patternProperties", &arena, maxDepth: budget.maxDepth)
      facet.patterns.append((arena.sequence([lexemes.quote, language, lexemes.quote]), schema))
    }
    facet.additional =
      subschema("additionalProperties", &document) ?? subschema("unevaluatedProperties", &document)
    if let value = object["required"], value.boolValue == nil {
      guard let items = value.arrayValue else { throw invalid("required", "must be a list of names") }
      for item in items {
        guard let name = item.stringValue else { throw invalid("required", "must be a list of names") }
        facet.required.append(name)
      }
    }
    facet.minimum = try count("minProperties") ?? 0
    facet.maximum = try count("maxProperties")
    if let names = object["propertyNames"] { facet.names = try nameLanguage(names, &document, &arena) }
    let isTrivial =
      facet.properties.isEmpty && facet.patterns.isEmpty && facet.additional == nil && facet.required.isEmpty
      && facet.minimum == 0 && facet.maximum == nil && facet.names == nil
    return isTrivial ? [] : [facet]
  }

  /// Quoted names that a schema allows.
  private func nameLanguage(
    _ schema: JSONValue, _ document: inout SchemaDocument, _ arena: inout RegularArena
  ) throws(GrammarError) -> RegularID {
    var expander = SchemaExpander(document, &arena, lexemes, budget)
    let reference = expander.document.reference(pointer + "/propertyNames", schema)
    let shapes = try expander.shapes([reference], &arena)
    document = expander.document
    return arena.choice(shapes.map(\.string))
  }

  private func arrayFacet(_ document: inout SchemaDocument) throws(GrammarError) -> [SchemaShape.ArrayFacet] {
    var facet = SchemaShape.ArrayFacet()
    facet.pointer = pointer
    if object["prefixItems"] != nil {
      facet.prefix = try list("prefixItems", &document)
      facet.items = subschema("items", &document)
    } else if let items = object["items"]?.arrayValue {
      facet.prefix = items.enumerated().map { document.reference("\(pointer)/items/\($0.offset)", $0.element) }
      facet.items = subschema("additionalItems", &document)
    } else {
      facet.items = subschema("items", &document)
    }
    if facet.items == nil { facet.items = subschema("unevaluatedItems", &document) }
    facet.contains = subschema("contains", &document)
    facet.minContains = try count("minContains") ?? 1
    facet.maxContains = try count("maxContains")
    if facet.minContains == 0, facet.maxContains == nil { facet.contains = nil }
    facet.minimum = try count("minItems") ?? 0
    facet.maximum = try count("maxItems")
    facet.isUnique = object["uniqueItems"] == .bool(true)
    let isTrivial =
      facet.prefix.isEmpty && facet.items == nil && facet.contains == nil && facet.minimum == 0
      && facet.maximum == nil && !facet.isUnique
    return isTrivial ? [] : [facet]
  }
}

extension JSONValue {
  /// Equality of JSON Schema: numbers by value.
  static func equal(_ left: JSONValue, _ right: JSONValue) -> Bool {
    if let one = left.doubleValue, let other = right.doubleValue { return left == right || one == other }
    return left == right
  }
}
