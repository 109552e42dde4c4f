import MartletCore
import MartletText

/// What a request says about the form of its output, in any dialect.
struct GrammarFields: Sendable {
  /// Nil: any text.
  let source: GrammarSource?
  /// The field that holds it.
  let field: String

  init(source: GrammarSource?, field: String) {
    self.source = source
    self.field = field
  }

  /// Reads `json_schema`, `regex`, `ebnf`, `choice` (or `select`), `structural_tag` and OpenAI's `response_format`; at most one may be given.
  /// - Parameter whitespace: of JSON, where the request has no `whitespace_pattern` or `any_whitespace`.
  init(_ fields: RequestFields, whitespace: JSONWhitespace) throws(InvalidField) {
    for (foreign, own) in Self.foreignNames where fields.value(foreign) != nil {
      throw InvalidField(field: fields.name(foreign), reason: "is another server's field; use \(own)")
    }
    let whitespace = try Self.whitespace(fields) ?? whitespace
    var found: [(source: GrammarSource, field: String)] = []
    if let schema = try Self.document("json_schema", fields) {
      found.append((.jsonSchema(schema, whitespace), fields.name("json_schema")))
    }
    if let pattern = try fields.string("regex") { found.append((.regex(pattern), fields.name("regex"))) }
    if let grammar = try fields.string("ebnf") { found.append((.grammar(grammar), fields.name("ebnf"))) }
    for name in ["choice", "select"] where fields.value(name) != nil {
      if let texts = try fields.strings(name) { found.append((.choice(texts), fields.name(name))) }
    }
    if let tag = try Self.document("structural_tag", fields) {
      found.append((.structuralTag(tag), fields.name("structural_tag")))
    }
    if let format = try fields.fields("response_format"), let source = try Self.responseFormat(format, whitespace) {
      found.append((source, fields.name("response_format")))
    }
    guard found.count <= 1 else {
      throw InvalidField(field: found[1].field, reason: "cannot be combined with \(found[0].field)")
    }
    source = found.first?.source
    field = found.first?.field ?? ""
  }

  /// What other servers call constraints: to leave one out silently would be to answer something else.
  private static let foreignNames = [
    ("guided_json", "json_schema or response_format"), ("guided_regex", "regex"), ("guided_choice", "choice"),
    ("guided_grammar", "ebnf"), ("guided_whitespace_pattern", "whitespace_pattern"), ("grammar", "ebnf"),
    ("structured_outputs", "json_schema, regex, choice, ebnf or response_format"),
  ]

  /// JSON as a string, or as a value of its own.
  private static func document(_ key: String, _ fields: RequestFields) throws(InvalidField) -> String? {
    guard let value = fields.value(key) else { return nil }
    switch value {
    case .string(let text): return text
    case .object, .bool: return value.serializedText()
    default: throw InvalidField(field: fields.name(key), reason: "must be JSON, as a string or an object")
    }
  }

  private static func whitespace(_ fields: RequestFields) throws(InvalidField) -> JSONWhitespace? {
    if let pattern = try fields.string("whitespace_pattern") { return .pattern(pattern) }
    return try fields.bool("any_whitespace").map { $0 ? .any : .separators }
  }

  private static func responseFormat(
    _ format: RequestFields, _ whitespace: JSONWhitespace
  ) throws(InvalidField) -> GrammarSource? {
    switch try format.string("type") {
    case "text": return nil
    case "json_object": return .jsonSchema(#"{"type":"object"}"#, whitespace)
    case "json_schema":
      guard let wrapper = try format.fields("json_schema"), let schema = try document("schema", wrapper) else {
        throw InvalidField(field: format.name("json_schema.schema"), reason: "is missing")
      }
      return .jsonSchema(schema, whitespace)
    case "structural_tag": return .structuralTag(JSONValue.object(format.object).serializedText())
    case "regex":
      guard let pattern = try format.string("pattern") else {
        throw InvalidField(field: format.name("pattern"), reason: "is missing")
      }
      return .regex(pattern)
    case let type:
      throw InvalidField(
        field: format.name("type"),
        reason: "is \(type ?? "missing"); use text, json_object, json_schema or structural_tag")
    }
  }

  /// Compiles the grammar, or finds it in the cache; `opening`: the text behind which it begins;
  /// `wrap`: puts thinking in front of it.
  func constraint(
    model: ServedModel, namespace: CacheNamespace, opening: [UInt8] = [],
    wrap: (GrammarSource) -> GrammarSource = { $0 }
  ) throws(InvalidField) -> (any TokenConstraint)? {
    guard let source else { return nil }
    do {
      var chosen = wrap(source)
      switch chosen {
      case .behindThinking(_, let open, _):
        if try Self.begins(source, with: open, model, namespace) { chosen = source }
      case .inFinalChannel:
        if try Self.begins(source, with: "<|channel|>", model, namespace) { chosen = source }
      default: break
      }
      return GrammarConstraint(
        grammar: try model.grammars.grammar(chosen, namespace: namespace), endTokens: model.tokenizer.endTokens,
        opening: opening)
    } catch {
      throw InvalidField(field: field, reason: "cannot be enforced: \(error.message)")
    }
  }

  /// Whether all texts begin with the tag of thinking: such a grammar describes the thinking itself.
  private static func begins(
    _ source: GrammarSource, with tag: String, _ model: ServedModel, _ namespace: CacheNamespace
  ) throws(GrammarError) -> Bool {
    switch source {
    case .regex, .grammar:
      let grammar = try model.grammars.grammar(source, namespace: namespace)
      return GrammarMatcher(grammar).forcedBytes(limit: tag.utf8.count) == Array(tag.utf8)
    default: return false
    }
  }
}
