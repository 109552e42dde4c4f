/// Arguments as Gemma writes them: bare names, strings between tags of their own, other scalars as in JSON.
struct GemmaArguments {
  private static let deepest = 16
  /// Items and characters that are counted one by one.
  private static let longest = 64

  /// What stands on both sides of a string.
  let quote: String

  /// The members between an object's braces.
  func members(of schema: JSONValue, depth: Int = 0) throws(GrammarError) -> JSONValue {
    guard depth < Self.deepest else { throw GrammarError(.tooLarge, at: "#", "nesting", "is too deep") }
    return try ParameterList(schema).joined(by: ",") { parameter throws(GrammarError) in
      let value = try value(parameter.schema, at: "#/properties/\(parameter.name)", depth)
      return ToolCallGrammar.sequence([ToolCallGrammar.text(parameter.name + ":"), value])
    }
  }

  /// Members of any names with scalar values.
  var anyMembers: JSONValue {
    let name: JSONValue = ["type": "regex", "pattern": "[A-Za-z_][A-Za-z0-9_]{0,63}:"]
    let scalar: JSONValue = [
      "type": "regex", "pattern": #"-?(?:0|[1-9][0-9]{0,15})(?:\.[0-9]{1,15})?|true|false|null"#,
    ]
    let value: JSONValue = ["type": "or", "elements": [quoted(anyText), scalar]]
    return list(ToolCallGrammar.sequence([name, value]), minimum: 0, maximum: nil)
  }

  private var anyText: JSONValue { ["type": "any_text", "excludes": [.string(quote)]] }

  private func quoted(_ text: JSONValue) -> JSONValue {
    ToolCallGrammar.sequence([ToolCallGrammar.text(quote), text, ToolCallGrammar.text(quote)])
  }

  private func value(_ schema: JSONValue, at pointer: String, _ depth: Int) throws(GrammarError) -> JSONValue {
    if let branches = schema["anyOf"]?.arrayValue {
      var options: [JSONValue] = []
      for (index, branch) in branches.enumerated() {
        options.append(try value(branch, at: "\(pointer)/anyOf/\(index)", depth + 1))
      }
      return ["type": "or", "elements": .array(options)]
    }
    let types = ParameterType.types(of: schema)
    guard depth < Self.deepest, !types.isEmpty else {
      throw GrammarError(.unsupported, at: pointer, "type", "is missing: this format needs it to write values")
    }
    var options: [JSONValue] = []
    if types.contains(.string) { options.append(quoted(try text(schema, at: pointer))) }
    if types.contains(.array) { options.append(try array(schema, at: pointer, depth)) }
    if types.contains(.object) { options.append(try object(schema, at: pointer, depth)) }
    if !types.isDisjoint(with: [.integer, .number, .boolean, .null]) {
      guard options.isEmpty || schema["enum"] == nil && schema["const"] == nil else {
        throw GrammarError(.unsupported, at: pointer, "enum", "mixes strings with other values")
      }
      let names = ["integer", "number", "boolean", "null"]
      var members = schema.objectValue ?? JSONObject()
      if let given = members["type"]?.arrayValue {
        members["type"] = .array(given.filter { names.contains($0.stringValue ?? "") })
      }
      options.append(ToolCallGrammar.json(.object(members)))
    }
    return options.count == 1 ? options[0] : ["type": "or", "elements": .array(options)]
  }

  private func text(_ schema: JSONValue, at pointer: String) throws(GrammarError) -> JSONValue {
    let members = schema.objectValue ?? JSONObject()
    var low = 0, high: Int?
    for (key, value) in members.members {
      switch key {
      case "type", "$defs", "definitions", "enum", "const",
        _ where ParameterList.annotations.contains(key):
        continue
      case "minLength": low = try count(value, at: pointer, key)
      case "maxLength": high = try count(value, at: pointer, key)
      default: throw GrammarError(.unsupported, at: pointer, key, "cannot be enforced in this format of calls")
      }
    }
    if let values = members["enum"]?.arrayValue ?? members["const"].map({ [$0] }) {
      let texts = values.compactMap(\.stringValue)
      guard texts.count == values.count, low == 0, high == nil, !texts.contains(where: { $0.contains(quote) }) else {
        throw GrammarError(.unsupported, at: pointer, "enum", "has values that this format cannot write")
      }
      return ["type": "or", "elements": .array(texts.map(ToolCallGrammar.text))]
    }
    guard low > 0 || high != nil else { return anyText }
    let times = "{\(low),\(high.map { "\($0)" } ?? "")}"
    let tag = ToolFormat.escaped(quote)
    return ["type": "regex", "pattern": .string("(?![\\s\\S]*\(tag))[\\s\\S]\(times)")]
  }

  private func array(_ schema: JSONValue, at pointer: String, _ depth: Int) throws(GrammarError) -> JSONValue {
    var low = 0, high: Int?
    for (key, value) in schema.objectValue?.members ?? [] {
      switch key {
      case "type", "items", "$defs", "definitions",
        _ where ParameterList.annotations.contains(key):
        continue
      case "minItems": low = try count(value, at: pointer, key)
      case "maxItems": high = try count(value, at: pointer, key)
      default: throw GrammarError(.unsupported, at: pointer, key, "cannot be enforced in this format of calls")
      }
    }
    guard let items = schema["items"], items.objectValue != nil, high ?? low >= low else {
      throw GrammarError(.unsupported, at: pointer, "items", "must say what the items are")
    }
    let item = try value(items, at: pointer + "/items", depth + 1)
    return ToolCallGrammar.sequence([
      ToolCallGrammar.text("["), list(item, minimum: low, maximum: high), ToolCallGrammar.text("]"),
    ])
  }

  private func object(_ schema: JSONValue, at pointer: String, _ depth: Int) throws(GrammarError) -> JSONValue {
    guard schema["properties"] != nil || schema["additionalProperties"] == false else {
      throw GrammarError(.unsupported, at: pointer, "properties", "must be given in this format of calls")
    }
    return ToolCallGrammar.sequence([
      ToolCallGrammar.text("{"), try members(of: schema, depth: depth + 1), ToolCallGrammar.text("}"),
    ])
  }

  private func count(_ value: JSONValue, at pointer: String, _ keyword: String) throws(GrammarError) -> Int {
    guard let count = value.intValue, (0...Self.longest).contains(count) else {
      throw GrammarError(.unsupported, at: pointer, keyword, "must be between 0 and \(Self.longest) in this format")
    }
    return count
  }

  /// Items with commas between them.
  private func list(_ item: JSONValue, minimum: Int, maximum: Int?) -> JSONValue {
    let next = ToolCallGrammar.sequence([ToolCallGrammar.text(","), item])
    var rest: JSONValue? = maximum == nil ? ["type": "star", "content": next] : nil
    for _ in max(1, minimum)..<max(1, minimum, maximum ?? 0) {
      rest = ["type": "optional", "content": ToolCallGrammar.sequence([next, rest])]
    }
    let required = (0..<max(1, minimum)).map { $0 == 0 ? item : next }
    let some = ToolCallGrammar.sequence(required + [rest])
    if maximum == 0 { return ToolCallGrammar.text("") }
    return minimum == 0 ? ["type": "optional", "content": some] : some
  }
}
