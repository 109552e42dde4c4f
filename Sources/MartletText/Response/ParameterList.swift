/// The parameters of a function, for formats that write each of them by itself.
struct ParameterList {
  struct Parameter {
    let name: String
    let schema: JSONValue
    let isRequired: Bool
  }

  static let annotations: Set = [
    "title", "description", "default", "examples", "$comment", "deprecated", "readOnly", "writeOnly", "$schema",
  ]
  private static let understood: Set = [
    "type", "properties", "required", "additionalProperties", "$defs", "definitions", "strict",
  ]

  private var parameters: [Parameter] = []

  /// - Throws: when the schema says more than which parameters there are and what each may be.
  init(_ schema: JSONValue) throws(GrammarError) {
    let object = schema.objectValue ?? JSONObject()
    for key in object.keys where !Self.understood.contains(key) && !Self.annotations.contains(key) {
      throw GrammarError(.unsupported, at: "#", key, "cannot be enforced in this format of calls")
    }
    let required = Set((object["required"]?.arrayValue ?? []).compactMap(\.stringValue))
    let properties = object["properties"]?.objectValue ?? JSONObject()
    if let name = required.sorted().first(where: { properties[$0] == nil }) {
      throw GrammarError(.unsupported, at: "#/required", "required", "names \(name), which properties does not have")
    }
    for (name, value) in properties.members {
      guard !name.isEmpty, name.utf8.allSatisfy({ $0.isWordPart || $0 == UInt8(ascii: "-") }) else {
        throw GrammarError(.unsupported, at: "#/properties/\(name)", "the name", "cannot be written in this format")
      }
      guard value != .bool(false) else { continue }
      try Self.checkReferences(value, at: "#/properties/\(name)", depth: 0)
      var schema = value
      if var members = value.objectValue {
        members["$defs"] = object["$defs"]
        members["definitions"] = object["definitions"]
        schema = .object(members)
      }
      parameters.append(Parameter(name: name, schema: schema, isRequired: required.contains(name)))
    }
  }

  /// References keep their meaning only where they lead to the definitions.
  private static func checkReferences(_ value: JSONValue, at pointer: String, depth: Int) throws(GrammarError) {
    guard depth < 200 else { throw GrammarError(.tooLarge, at: pointer, "nesting", "is too deep") }
    for item in value.arrayValue ?? [] { try checkReferences(item, at: pointer, depth: depth + 1) }
    for (key, item) in value.objectValue?.members ?? [] {
      if key == "$ref", let target = item.stringValue, !target.hasPrefix("#/$defs/"),
        !target.hasPrefix("#/definitions/")
      {
        throw GrammarError(.unsupported, at: pointer, "$ref", "leads out of the definitions")
      }
      try checkReferences(item, at: pointer, depth: depth + 1)
    }
  }

  /// Each parameter between its tags, in the declared order.
  func tagged(_ tags: ArgumentTags) throws(GrammarError) -> JSONValue {
    var parts: [JSONValue] = []
    for parameter in parameters {
      let types = ParameterType.types(of: parameter.schema)
      let isText = types.contains(.string)
      let value = isText ? try Self.text(parameter, types, tags) : ToolCallGrammar.json(parameter.schema)
      guard !types.isEmpty else {
        throw GrammarError(
          .unsupported, at: "#/properties/\(parameter.name)", "type", "is missing: this format needs it to tell values")
      }
      let written = ToolCallGrammar.sequence([
        ToolCallGrammar.text(tags.beforeKey + parameter.name),
        ToolCallGrammar.text(isText ? tags.beforeString : tags.beforeJSON ?? tags.beforeString), value,
        ToolCallGrammar.text(tags.end),
      ])
      parts.append(parameter.isRequired ? written : ["type": "optional", "content": written])
    }
    return parts.isEmpty ? ToolCallGrammar.text("") : ToolCallGrammar.sequence(parts)
  }

  /// A string as plain text: any, or one of a list.
  private static func text(
    _ parameter: Parameter, _ types: Set<ParameterType>, _ tags: ArgumentTags
  ) throws(GrammarError) -> JSONValue {
    let pointer = "#/properties/\(parameter.name)"
    guard types.subtracting([.null]) == [.string] else {
      throw GrammarError(
        .unsupported, at: pointer, "type", "may be a string or something else, which texts do not tell")
    }
    let members = parameter.schema.objectValue ?? JSONObject()
    if types == [.string], let values = members["enum"]?.arrayValue ?? members["const"].map({ [$0] }) {
      let texts = values.compactMap(\.stringValue)
      let isPlain = texts.allSatisfy { text in
        !text.isEmpty && text.first?.isWhitespace == false && text.last?.isWhitespace == false
          && !tags.stops.contains { text.contains($0) }
      }
      let others = members.keys.filter { !["type", "enum", "const", "$defs", "definitions"].contains($0) }
      if texts.count == values.count, isPlain, others.allSatisfy(annotations.contains),
        members["enum"] == nil || members["const"] == nil
      {
        return ["type": "or", "elements": .array(texts.map(ToolCallGrammar.text))]
      }
      throw GrammarError(.unsupported, at: pointer, "enum", "has values that this format cannot write")
    }
    try checkIsPlain(parameter.schema, at: pointer, depth: 0)
    return ["type": "any_text", "excludes": .array(tags.stops.map { .string($0) })]
  }

  /// Strings (or null) without any further demand.
  private static func checkIsPlain(_ schema: JSONValue, at pointer: String, depth: Int) throws(GrammarError) {
    for (key, value) in schema.objectValue?.members ?? [] {
      switch key {
      case "type", "$defs", "definitions",
        _ where annotations.contains(key):
        continue
      case "anyOf" where depth == 0:
        for (index, branch) in (value.arrayValue ?? []).enumerated() {
          try checkIsPlain(branch, at: "\(pointer)/anyOf/\(index)", depth: 1)
        }
      default: throw GrammarError(.unsupported, at: pointer, key, "cannot be enforced where strings are plain text")
      }
    }
  }

  /// `name=value` with commas.
  func keywords() throws(GrammarError) -> JSONValue {
    try joined(by: ", ") { parameter in
      ToolCallGrammar.sequence([ToolCallGrammar.text(parameter.name + "="), ToolCallGrammar.json(parameter.schema)])
    }
  }

  /// The required ones, then the others, each in the declared order.
  func joined(
    by separator: String, _ write: (Parameter) throws(GrammarError) -> JSONValue
  ) throws(GrammarError) -> JSONValue {
    let ordered = parameters.filter(\.isRequired) + parameters.filter { !$0.isRequired }
    var written: [JSONValue] = []
    for parameter in ordered { written.append(try write(parameter)) }
    func further(_ rest: Range<Int>) -> [JSONValue] {
      rest.map { index in
        let part = ToolCallGrammar.sequence([ToolCallGrammar.text(separator), written[index]])
        return ordered[index].isRequired ? part : ["type": "optional", "content": part]
      }
    }
    guard let first = ordered.first else { return ToolCallGrammar.text("") }
    if first.isRequired { return ToolCallGrammar.sequence([written[0]] + further(1..<ordered.count)) }
    let starts = ordered.indices.map { ToolCallGrammar.sequence([written[$0]] + further($0 + 1..<ordered.count)) }
    return ["type": "optional", "content": ["type": "or", "elements": .array(starts)]]
  }
}
