/// The functions that a request offers, as far as parsers need them: their names and the types of their parameters.
package struct ToolDeclarations: Sendable {
  package let names: Set<String>
  private let parameters: [String: [String: Set<ParameterType>]]

  package static let none = ToolDeclarations([])

  /// - Parameter tools: OpenAI tools, each `{"type": "function", "function": {...}}` or the function alone.
  package init(_ tools: [JSONValue]) {
    var parameters: [String: [String: Set<ParameterType>]] = [:]
    for tool in tools {
      let function = tool["function"] ?? tool
      guard let name = function["name"]?.stringValue else { continue }
      var types: [String: Set<ParameterType>] = [:]
      for (key, schema) in Self.properties(function["parameters"], depth: 0) {
        types[key] = ParameterType.types(of: schema)
      }
      parameters[name] = types
    }
    self.parameters = parameters
    names = Set(parameters.keys)
  }

  /// What a parameter may be; empty when it is not declared.
  func types(of parameter: String, in function: String) -> Set<ParameterType> {
    parameters[function]?[parameter] ?? []
  }

  /// The declared properties; those of alternatives when the schema itself has none.
  private static func properties(_ schema: JSONValue?, depth: Int) -> [(key: String, value: JSONValue)] {
    guard let schema, depth < 8 else { return [] }
    if let properties = schema["properties"]?.objectValue { return properties.members }
    return ["anyOf", "oneOf", "allOf"].flatMap { keyword in
      (schema[keyword]?.arrayValue ?? []).flatMap { properties($0, depth: depth + 1) }
    }
  }
}
