/// Turns a JSON Schema into a grammar of its instances. Members come in the order of their declaration, other members
/// behind them; names, literals and strings under a pattern are written in their shortest spelling; integers have no
/// fraction; numbers under constraints have no exponent.
struct SchemaCompiler {
  private var expander: SchemaExpander
  private let budget: GrammarBudget
  private let space: RegularID
  /// White space behind commas and colons.
  private let gap: RegularID
  private var rules: [[SchemaReference]: Int32] = [:]
  /// Those without any instance.
  private var impossible: Set<[SchemaReference]> = []
  private var depth = 0

  /// The root node of the grammar of `schema`'s instances.
  static func compile(
    _ schema: JSONValue, whitespace: JSONWhitespace, _ graph: inout GrammarGraph, budget: GrammarBudget
  ) throws(GrammarError) -> GrammarNodeID {
    var document = try SchemaDocument(schema)
    let root = document.reference("#", schema)
    let space: RegularID
    switch whitespace {
    case .any: space = graph.lexemes.whitespace
    case .none, .separators: space = RegularArena.empty
    case .pattern(let pattern):
      space = try RegexCompiler.compile(
        pattern, .whole, .plain, at: "whitespace", &graph.arena, maxDepth: budget.maxDepth)
    }
    let gap = whitespace == .separators ? graph.arena.literal(" ", .plain) : space
    var compiler = SchemaCompiler(
      expander: SchemaExpander(document, &graph.arena, graph.lexemes, budget), budget: budget, space: space, gap: gap)
    return try compiler.node([root], &graph)
  }

  private init(expander: SchemaExpander, budget: GrammarBudget, space: RegularID, gap: RegularID) {
    self.expander = expander
    self.budget = budget
    self.space = space
    self.gap = gap
  }

  /// The values that satisfy all of `schemas`.
  private mutating func node(
    _ schemas: [SchemaReference], _ graph: inout GrammarGraph
  ) throws(GrammarError) -> GrammarNodeID {
    if impossible.contains(schemas) { return GrammarGraph.nothing }
    if let rule = rules[schemas] { return graph.intern(.rule(rule)) }
    depth += 1
    defer { depth -= 1 }
    guard depth <= budget.maxDepth else {
      throw GrammarError(.tooLarge, at: "#", "the nesting of schemas", "is deeper than \(budget.maxDepth)")
    }
    let rule = graph.newRule()
    rules[schemas] = rule
    var options: [GrammarNodeID] = []
    let shapes = try expander.shapes(schemas, &graph.arena)
    options.append(scalars(shapes, &graph))
    for shape in shapes {
      if let facets = shape.object { options.append(try object(facets, &graph)) }
      if let facets = shape.array { options.append(try array(facets, &graph)) }
    }
    let body = graph.choice(options)
    graph.setBody(rule, body)
    if let budget = graph.arena.exhausted { throw GrammarError(.tooLarge, at: "#", budget, "is over its budget") }
    if body == GrammarGraph.nothing {
      impossible.insert(schemas)
      return body
    }
    // A few literals need no rule; nothing refers to the rule yet unless the schema is recursive. Other scalars keep
    // theirs, so that they are the same expressions whatever follows them.
    if case .terminal(let scalar) = graph.nodes[Int(body)], !graph.arena.isInfinite[Int(scalar)],
      !graph.arena.hasBoolean[Int(scalar)]
    {
      return body
    }
    return graph.intern(.rule(rule))
  }

  private func scalars(_ shapes: [SchemaShape], _ graph: inout GrammarGraph) -> GrammarNodeID {
    var parts: [RegularID] = []
    var strings: [RegularID] = []
    for shape in shapes {
      if shape.null { parts.append(graph.lexemes.null) }
      if shape.yes { parts.append(graph.arena.literal("true", .plain)) }
      if shape.no { parts.append(graph.arena.literal("false", .plain)) }
      if shape.number != RegularArena.nothing { parts.append(number(shape.number, &graph)) }
      strings.append(shape.string)
    }
    parts.append(graph.arena.choice(strings))
    return graph.terminal(graph.arena.choice(parts))
  }

  /// Integers are written without a fraction.
  private func number(_ language: RegularID, _ graph: inout GrammarGraph) -> RegularID {
    guard language != graph.lexemes.number else { return language }
    let fractions = graph.arena.all(language, graph.arena.not(expander.numbers.integer))
    return graph.arena.isLive(fractions) ? language : graph.arena.all(language, graph.lexemes.integer)
  }

  private func punctuation(_ text: String, _ graph: inout GrammarGraph) -> GrammarNodeID {
    let mark = graph.arena.literal(text, .plain)
    switch text {
    case "{", "[": return graph.terminal(graph.arena.sequence(mark, space))
    case "}", "]": return graph.terminal(graph.arena.sequence(space, mark))
    default: return graph.terminal(graph.arena.sequence([space, mark, gap]))
    }
  }

  // MARK: Objects

  private mutating func object(
    _ facets: [SchemaShape.ObjectFacet], _ graph: inout GrammarGraph
  ) throws(GrammarError) -> GrammarNodeID {
    let pointer = facets.first?.pointer ?? "#"
    let layout = ObjectLayout(facets, &graph.arena)
    guard !layout.isTooLarge else {
      throw GrammarError(.tooLarge, at: pointer, "patternProperties", "has over 6 patterns")
    }
    let minimum = facets.map(\.minimum).max() ?? 0
    let maximum = facets.compactMap(\.maximum).min()
    var members: [ObjectNodes.Member] = []
    for member in layout.members {
      let value = member.isForbidden ? GrammarGraph.nothing : try node(member.schemas, &graph)
      guard value != GrammarGraph.nothing || member.isRequired else { continue }
      let name = graph.arena.literal(JSONValue.string(member.name).serialized())
      members.append(ObjectNodes.Member(node: pair(name, value, &graph), isRequired: member.isRequired))
    }
    var others: [GrammarNodeID] = []
    for other in layout.others { others.append(pair(other.names, try node(other.schemas, &graph), &graph)) }
    var nodes = ObjectNodes(
      members: members, other: graph.choice(others), comma: punctuation(",", &graph), minimum: minimum,
      maximum: maximum, pointer: pointer)
    let body = try nodes.body(&graph)
    return graph.sequence([punctuation("{", &graph), body, punctuation("}", &graph)])
  }

  private func pair(_ name: RegularID, _ value: GrammarNodeID, _ graph: inout GrammarGraph) -> GrammarNodeID {
    graph.sequence([graph.terminal(name), punctuation(":", &graph), value])
  }

  // MARK: Arrays

  private mutating func array(
    _ facets: [SchemaShape.ArrayFacet], _ graph: inout GrammarGraph
  ) throws(GrammarError) -> GrammarNodeID {
    let pointer = facets.first?.pointer ?? "#"
    let minimum = Int32(facets.map(\.minimum).max() ?? 0)
    let maximum = facets.compactMap(\.maximum).min().map { Int32($0) }
    let comma = punctuation(",", &graph)
    let open = punctuation("[", &graph)
    let close = punctuation("]", &graph)
    if let maximum, minimum > maximum { return GrammarGraph.nothing }
    if maximum == 0 { return graph.sequence(open, close) }
    let prefixCount = facets.map(\.prefix.count).max() ?? 0
    func schemas(_ index: Int) -> [SchemaReference] {
      let list = facets.compactMap { $0.prefix.indices.contains(index) ? $0.prefix[index] : $0.items }
      return Array(Set(list)).sorted { ($0.index, $0.isNegated ? 1 : 0) < ($1.index, $1.isNegated ? 1 : 0) }
    }
    if facets.contains(where: \.isUnique), maximum ?? .max > 1 {
      let item = try finiteItems(schemas(prefixCount), prefixCount, pointer)
      let body = try UniqueItems(values: item, comma: comma, minimum: minimum, maximum: maximum, pointer: pointer)
        .body(&graph)
      return graph.sequence([open, body, close])
    }
    let containing = facets.filter { $0.contains != nil }
    if let facet = containing.first, let contained = facet.contains {
      guard containing.count == 1, prefixCount == 0, maximum == nil, Int(minimum) <= facet.minContains else {
        throw GrammarError(
          .unsupported, at: facet.pointer, "contains",
          "beside another contains, prefixItems, minItems or maxItems cannot be enforced")
      }
      let items = schemas(0)
      let wanted = try node(items + [contained], &graph)
      let other =
        facet.maxContains == nil ? try node(items, &graph) : try node(items + [contained.negated], &graph)
      let body = try containsBody(wanted, other, facet, comma, &graph)
      return graph.sequence([open, body, close])
    }
    var prefix: [GrammarNodeID] = []
    for index in 0..<min(prefixCount, Int(maximum ?? .max)) { prefix.append(try node(schemas(index), &graph)) }
    let rest = try node(schemas(prefixCount), &graph)
    let body = ArrayNodes(prefix: prefix, rest: rest, comma: comma, minimum: minimum, maximum: maximum).body(&graph)
    return graph.sequence([open, body, close])
  }

  /// Items of which `facet.minContains` to `maxContains` are `wanted`.
  private func containsBody(
    _ wanted: GrammarNodeID, _ other: GrammarNodeID, _ facet: SchemaShape.ArrayFacet, _ comma: GrammarNodeID,
    _ graph: inout GrammarGraph
  ) throws(GrammarError) -> GrammarNodeID {
    let next = graph.sequence(comma, other)
    let others = graph.repetition(next, minimum: 0, maximum: nil)
    let minimum = Int32(facet.minContains)
    let maximum = facet.maxContains.map { Int32($0) }
    if let maximum, maximum < minimum { return GrammarGraph.nothing }
    let group = graph.sequence([comma, wanted, others])
    func groups(_ taken: Int32) -> GrammarNodeID {
      graph.repetition(group, minimum: max(0, minimum - taken), maximum: maximum.map { $0 - taken })
    }
    var options: [GrammarNodeID] = []
    if maximum != 0 { options.append(graph.sequence([wanted, others, groups(1)])) }
    options.append(graph.sequence([other, others, groups(0)]))
    if minimum == 0 { options.append(GrammarGraph.empty) }
    return graph.choice(options)
  }

  /// The values of items that are a small enumeration.
  private func finiteItems(
    _ schemas: [SchemaReference], _ prefixCount: Int, _ pointer: String
  ) throws(GrammarError) -> [JSONValue] {
    let refusal = GrammarError(
      .unsupported, at: pointer, "uniqueItems", "needs items that are an enumeration of at most 8 values")
    guard prefixCount == 0, schemas.count == 1, let schema = schemas.first, !schema.isNegated else { throw refusal }
    let value = expander.document.schemas[schema.index].value
    if value["type"] == "boolean", value.objectValue?.count == 1 { return [.bool(true), .bool(false)] }
    guard let list = value["enum"]?.arrayValue, list.count <= 8, value.objectValue?.count == 1 else { throw refusal }
    var distinct: [JSONValue] = []
    for item in list {
      switch item {
      case .array, .object: throw refusal
      default: if !distinct.contains(where: { JSONValue.equal($0, item) }) { distinct.append(item) }
      }
    }
    return distinct
  }
}
