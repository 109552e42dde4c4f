/// Writes what a model may say under `tool_choice` and `strict` as a structural tag, in the wire format of its calls.
package struct ToolCallGrammar: Sendable {
  package enum Scope: Sendable, Equatable {
    /// Calls of which the server has written the beginning: up to the name, or up to the arguments of this function.
    case begun(function: String?)
    /// Text, and calls behind it where the model begins them.
    case free
  }

  /// A function that may be called.
  package struct Function: Sendable {
    package let name: String
    /// A schema of objects that can be enforced.
    package let parameters: JSONValue
    /// Whether arguments must be refused that the format cannot hold to the schema.
    package let isStrict: Bool

    package init(name: String, parameters: JSONValue, isStrict: Bool) {
      self.name = name
      self.parameters = parameters
      self.isStrict = isStrict
    }
  }

  /// Blanks as models write them; runs without end would only waste tokens.
  package static let whitespace = JSONWhitespace.pattern(blanks)
  private static let blanks = #"(?: ?|\n {0,16})"#

  private let format: ToolFormat
  private let syntax: CallSyntax

  /// Nil when the format has no exact beginning of calls.
  package init?(_ format: ToolFormat, template: String) {
    guard let syntax = format.callSyntax(template: template) else { return nil }
    self.format = format
    self.syntax = syntax
  }

  /// Nil when a function is not among the given ones.
  /// - Parameter isSingle: at most one call.
  package func source(
    _ functions: [Function], scope: Scope, isSingle: Bool
  ) throws(GrammarError) -> GrammarSource? {
    let root: JSONValue
    switch scope {
    case .begun(let name?):
      guard let function = functions.first(where: { $0.name == name }) else { return nil }
      let first = try arguments(of: function)
      let further = isSingle ? nil : Self.further(try calls(functions), syntax)
      root = Self.sequence([first, further, Self.text(syntax.ending)])
    case .begun(nil): root = try list(functions, opening: nil, isSingle: isSingle)
    case .free:
      let calls = try list(functions, opening: syntax.beforeName, isSingle: isSingle)
      switch format.prose {
      case .anywhere(let openers):
        let text: JSONValue = ["type": "any_text", "excludes": .array(openers.map { .string($0) })]
        root = Self.sequence([text, ["type": "optional", "content": calls]])
      case .withoutCalls(let opener):
        let names = functions.map { ToolFormat.escaped($0.name) }.joined(separator: "|")
        let call = "\(ToolFormat.escaped(opener))\\s*(?:\(names))\\s*\\("
        root = Self.sequence([
          ["type": "regex", "pattern": .string("(?![\\s\\S]*\(call))[\\s\\S]*")],
          ["type": "optional", "content": calls],
        ])
      case .channels: root = Self.channels(calls)
      case .pattern(let pattern):
        root = ["type": "or", "elements": [calls, ["type": "regex", "pattern": .string(pattern)]]]
      }
    }
    return .structuralTag(JSONValue.object(["format": root]).serializedText())
  }

  /// Messages of gpt-oss: reasoning and remarks, then the answer or a call; or an answer without a channel.
  private static func channels(_ calls: JSONValue) -> JSONValue {
    let anything: JSONValue = ["type": "any_text", "excludes": .array(HarmonyParser.markers.map { .string($0) })]
    let remarks = ["analysis", "commentary"].map { channel in
      sequence([text("<|channel|>\(channel)<|message|>"), anything, text("<|end|><|start|>assistant")])
    }
    let answer = sequence([text("<|channel|>final<|message|>"), anything])
    return [
      "type": "or",
      "elements": [
        anything,
        sequence([
          ["type": "star", "content": ["type": "or", "elements": .array(remarks)]],
          ["type": "or", "elements": [answer, calls]],
        ]),
      ],
    ]
  }

  private func list(
    _ functions: [Function], opening: String?, isSingle: Bool
  ) throws(GrammarError) -> JSONValue {
    let call = try calls(functions)
    return Self.sequence([
      opening.map(Self.text), call, isSingle ? nil : Self.further(call, syntax), Self.text(syntax.ending),
    ])
  }

  private static func further(_ call: JSONValue, _ syntax: CallSyntax) -> JSONValue? {
    syntax.next.map { ["type": "star", "content": sequence([text($0), call])] }
  }

  /// One call of any of the functions, from its name to the end of its arguments.
  private func calls(_ functions: [Function]) throws(GrammarError) -> JSONValue {
    var calls: [JSONValue] = []
    for function in functions {
      var parts: [JSONValue?] = [Self.text(function.name)]
      let pieces = syntax.behindName.split(separator: "{index}", omittingEmptySubsequences: false)
      for (index, piece) in pieces.enumerated() {
        if index > 0 { parts.append(["type": "regex", "pattern": "[0-9]{1,6}"]) }
        parts.append(Self.text(String(piece)))
      }
      parts.append(try arguments(of: function))
      calls.append(Self.sequence(parts))
    }
    return ["type": "or", "elements": .array(calls)]
  }

  private func arguments(of function: Function) throws(GrammarError) -> JSONValue {
    do throws(GrammarError) {
      switch syntax.arguments {
      case .json: return Self.sequence([["type": "regex", "pattern": " ?"], Self.json(function.parameters)])
      case .tags(let tags): return try ParameterList(function.parameters).tagged(tags)
      case .keywords: return try ParameterList(function.parameters).keywords()
      case .gemma(let quote): return try GemmaArguments(quote: quote).members(of: function.parameters)
      }
    } catch {
      guard !function.isStrict else { throw error }
      return Self.anyArguments(syntax.arguments)
    }
  }

  /// Arguments that can be read, whatever they are.
  private static func anyArguments(_ arguments: CallSyntax.Arguments) -> JSONValue {
    let parameter: JSONValue
    switch arguments {
    case .json: return json(["type": "object"])
    case .gemma(let quote): return GemmaArguments(quote: quote).anyMembers
    case .tags(let tags):
      let name: JSONValue = ["type": "regex", "pattern": "[A-Za-z0-9_.-]{1,64}"]
      parameter = sequence([
        text(tags.beforeKey), name, text(tags.beforeString),
        ["type": "any_text", "excludes": .array(tags.stops.map { .string($0) })], text(tags.end),
      ])
    case .keywords:
      let name: JSONValue = ["type": "regex", "pattern": "[A-Za-z_][A-Za-z0-9_]{0,63}="]
      let first = sequence([name, json(true)])
      let further: JSONValue = ["type": "star", "content": sequence([text(", "), first])]
      return ["type": "optional", "content": sequence([first, further])]
    }
    return ["type": "star", "content": parameter]
  }

  static func text(_ text: String) -> JSONValue { ["type": "const_string", "value": .string(text)] }

  static func json(_ schema: JSONValue) -> JSONValue {
    ["type": "json_schema", "json_schema": schema, "whitespace_pattern": .string(blanks)]
  }

  static func sequence(_ parts: [JSONValue?]) -> JSONValue {
    ["type": "sequence", "elements": .array(parts.compactMap(\.self))]
  }
}
