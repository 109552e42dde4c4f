/// Compiles `structural_tag` response formats: the older form with `structures` and `triggers`, and the newer one with a
/// tree of formats.
struct StructuralTagCompiler {
  let vocabulary: GrammarVocabulary
  let budget: GrammarBudget
  private var depth = 0

  init(vocabulary: GrammarVocabulary, budget: GrammarBudget) {
    self.vocabulary = vocabulary
    self.budget = budget
  }

  mutating func compile(_ value: JSONValue, _ graph: inout GrammarGraph) throws(GrammarError) -> GrammarNodeID {
    if let format = value["format"] { return try node(format, "#/format", stops: [], &graph) }
    guard let structures = value["structures"]?.arrayValue, let triggers = value["triggers"]?.arrayValue else {
      throw GrammarError(.invalid, at: "#", "structural_tag", "needs structures and triggers, or a format")
    }
    var tags: [JSONValue] = []
    for structure in structures {
      let schema: JSONValue = .object(["type": "json_schema", "json_schema": structure["schema"] ?? .bool(true)])
      tags.append(
        .object(["begin": structure["begin"] ?? .null, "content": schema, "end": structure["end"] ?? .null]))
    }
    var format: JSONObject = ["type": "triggered_tags", "triggers": .array(triggers), "tags": .array(tags)]
    format["at_least_one"] = value["at_least_one"]
    format["stop_after_first"] = value["stop_after_first"]
    return try node(.object(format), "#", stops: [], &graph)
  }

  /// The schemas that stand in a tag, in order.
  static func schemas(in tag: JSONValue) -> [JSONValue] {
    var found: [JSONValue] = []
    var pending = [tag]
    while let next = pending.popLast() {
      if next["type"] == "json_schema", let schema = next["json_schema"] {
        found.append(schema)
        continue
      }
      for structure in next["structures"]?.arrayValue ?? [] {
        if let schema = structure["schema"] { found.append(schema) }
      }
      switch next {
      case .object(let object): pending += object.members.map(\.value).reversed()
      case .array(let items): pending += items.reversed()
      case .null, .bool, .int, .double, .string: break
      }
    }
    return found
  }

  private func text(_ value: JSONValue?, _ pointer: String, _ keyword: String) throws(GrammarError) -> String {
    guard let text = value?.stringValue else {
      throw GrammarError(.invalid, at: pointer, keyword, "must be a string")
    }
    return text
  }

  private func list(_ value: JSONValue?, _ pointer: String, _ keyword: String) throws(GrammarError) -> [JSONValue] {
    guard let items = value?.arrayValue, !items.isEmpty else {
      throw GrammarError(.invalid, at: pointer, keyword, "must be a list with members")
    }
    return items
  }

  /// - Parameter stops: texts that end free text here.
  private mutating func node(
    _ format: JSONValue, _ pointer: String, stops: [String], _ graph: inout GrammarGraph
  ) throws(GrammarError) -> GrammarNodeID {
    depth += 1
    defer { depth -= 1 }
    guard depth <= budget.maxDepth else { throw GrammarError(.tooLarge, at: pointer, "nesting", "is too deep") }
    switch format["type"]?.stringValue {
    case "const_string": return spelled(try text(format["value"], pointer, "value"), &graph)
    case "json_schema":
      let blanks = try format["whitespace_pattern"].map { value throws(GrammarError) in
        JSONWhitespace.pattern(try text(value, pointer, "whitespace_pattern"))
      }
      return try SchemaCompiler.compile(
        format["json_schema"] ?? .bool(true), whitespace: blanks ?? .any, &graph, budget: budget)
    case "regex":
      return graph.terminal(
        try RegexCompiler.compile(
          try text(format["pattern"], pointer, "pattern"), .whole, .plain, at: pointer, &graph.arena,
          maxDepth: budget.maxDepth))
    case "grammar":
      return try GrammarText.compile(try text(format["grammar"], pointer, "grammar"), &graph, budget: budget)
    case "any_text":
      let excluded = try strings(format["excludes"]?.arrayValue ?? [], pointer, "excludes")
      return freeText(without: stops + excluded, &graph)
    case "sequence":
      var parts: [GrammarNodeID] = []
      for (index, element) in try list(format["elements"], pointer, "elements").enumerated() {
        parts.append(try node(element, "\(pointer)/elements/\(index)", stops: stops, &graph))
      }
      return graph.sequence(parts)
    case "or":
      var parts: [GrammarNodeID] = []
      for (index, element) in try list(format["elements"], pointer, "elements").enumerated() {
        parts.append(try node(element, "\(pointer)/elements/\(index)", stops: stops, &graph))
      }
      return graph.choice(parts)
    case "optional", "star", "plus":
      let part = try node(format["content"] ?? .null, pointer + "/content", stops: stops, &graph)
      return graph.repetition(
        part, minimum: format["type"] == "plus" ? 1 : 0, maximum: format["type"] == "optional" ? 1 : nil)
    case "tag": return try tag(format, pointer, &graph)
    case "triggered_tags": return try triggered(format, pointer, stops, &graph)
    case "tags_with_separator": return try separated(format, pointer, &graph)
    case let type:
      throw GrammarError(.unsupported, at: pointer, "the format '\(type ?? "")'", "cannot be enforced")
    }
  }

  private func strings(_ values: [JSONValue], _ pointer: String, _ keyword: String) throws(GrammarError) -> [String] {
    var result: [String] = []
    for value in values { result.append(try text(value, pointer, keyword)) }
    return result
  }

  /// `begin`, content and `end`; `end` may be a list of which one follows.
  private mutating func tag(
    _ format: JSONValue, _ pointer: String, _ graph: inout GrammarGraph
  ) throws(GrammarError) -> GrammarNodeID {
    let begin = try text(format["begin"], pointer, "begin")
    let ends = try strings(format["end"]?.arrayValue ?? [format["end"] ?? .null], pointer, "end")
    let content = try node(format["content"] ?? .null, pointer + "/content", stops: ends.filter { !$0.isEmpty }, &graph)
    var options: [GrammarNodeID] = []
    for end in ends { options.append(spelled(end, &graph)) }
    return graph.sequence([spelled(begin, &graph), content, graph.choice(options)])
  }

  private mutating func triggered(
    _ format: JSONValue, _ pointer: String, _ stops: [String], _ graph: inout GrammarGraph
  ) throws(GrammarError) -> GrammarNodeID {
    let triggers = try strings(try list(format["triggers"], pointer, "triggers"), pointer, "triggers")
    guard triggers.allSatisfy({ !$0.isEmpty }) else {
      throw GrammarError(.invalid, at: pointer, "triggers", "must not be empty texts")
    }
    var tags: [GrammarNodeID] = []
    for (index, item) in try list(format["tags"], pointer, "tags").enumerated() {
      let begin = try text(item["begin"], "\(pointer)/tags/\(index)", "begin")
      guard triggers.contains(where: begin.hasPrefix) else {
        throw GrammarError(.invalid, at: "\(pointer)/tags/\(index)", "begin", "starts with none of the triggers")
      }
      tags.append(try tag(item, "\(pointer)/tags/\(index)", &graph))
    }
    let excluded = try strings(format["excludes"]?.arrayValue ?? [], pointer, "excludes")
    let prose = freeText(without: triggers + stops + excluded, &graph)
    let call = graph.sequence(prose, graph.choice(tags))
    let least: Int32 = format["at_least_one"] == .bool(true) ? 1 : 0
    if format["stop_after_first"] == .bool(true) {
      return least == 1 ? graph.choice(tags) : graph.choice([call, prose])
    }
    let more = graph.sequence(graph.repetition(call, minimum: 0, maximum: nil), prose)
    return least == 1 ? graph.sequence(graph.choice(tags), more) : more
  }

  private mutating func separated(
    _ format: JSONValue, _ pointer: String, _ graph: inout GrammarGraph
  ) throws(GrammarError) -> GrammarNodeID {
    var tags: [GrammarNodeID] = []
    for (index, item) in try list(format["tags"], pointer, "tags").enumerated() {
      tags.append(try tag(item, "\(pointer)/tags/\(index)", &graph))
    }
    let one = graph.choice(tags)
    let separator = spelled(try text(format["separator"], pointer, "separator"), &graph)
    let isOnce = format["stop_after_first"] == .bool(true)
    let further = graph.repetition(graph.sequence(separator, one), minimum: 0, maximum: isOnce ? 0 : nil)
    let some = graph.sequence(one, further)
    return format["at_least_one"] == .bool(true) ? some : graph.optional(some)
  }

  /// Text between two tags, and the line breaks behind it.
  func thinking(open: String, close: String, _ graph: inout GrammarGraph) -> GrammarNodeID {
    let breaks = graph.terminal(graph.arena.star(graph.arena.literal("\n", .plain)))
    return graph.sequence([
      spelled(open, &graph), freeText(without: [close], &graph), spelled(close, &graph), breaks,
    ])
  }

  /// gpt-oss's messages of reasoning, and the header of its answer.
  func channels(_ graph: inout GrammarGraph) -> GrammarNodeID {
    let message = graph.sequence([
      spelled("<|channel|>analysis<|message|>", &graph), freeText(without: ["<|end|>"], &graph),
      spelled("<|end|><|start|>assistant", &graph),
    ])
    return graph.sequence([
      graph.repetition(message, minimum: 0, maximum: nil), spelled("<|channel|>final<|message|>", &graph),
    ])
  }

  /// Any text in which none of `stops` occurs.
  private func freeText(without stops: [String], _ graph: inout GrammarGraph) -> GrammarNodeID {
    let anything = graph.arena.star(graph.arena.utf8(.all))
    guard !stops.isEmpty else { return graph.terminal(anything) }
    let stop = graph.arena.oneOf(stops.map { Array($0.utf8) })
    let containing = graph.arena.sequence([anything, stop, anything])
    return graph.terminal(graph.arena.all(anything, graph.arena.not(containing)))
  }

  /// A text; where it names special tokens, those may stand for their names.
  private func spelled(_ text: String, _ graph: inout GrammarGraph) -> GrammarNodeID {
    let names = vocabulary.specialTokens.filter { !$0.key.isEmpty && text.contains($0.key) }
    guard let first = names.keys.sorted(by: { $0.utf8.count > $1.utf8.count }).first, let token = names[first] else {
      return graph.terminal(graph.arena.literal(text, .plain))
    }
    let bytes = Array(text.utf8)
    let name = Array(first.utf8)
    guard let start = (0...(bytes.count - name.count)).first(where: { bytes[$0...].starts(with: name) }) else {
      return graph.terminal(graph.arena.literal(text, .plain))
    }
    let either = graph.arena.choice(graph.arena.literal(name), graph.arena.literal(TokenTrie.specialSpelling(token)))
    return graph.sequence([
      spelled(String(decoding: bytes[..<start], as: UTF8.self), &graph), graph.terminal(either),
      spelled(String(decoding: bytes[(start + name.count)...], as: UTF8.self), &graph),
    ])
  }
}
