import MartletCore
import Testing

@testable import MartletText

/// What may be written under a grammar of calls, read back by the parser of the same format.
@Suite struct ToolCallGrammarTests {
  private static let weather: JSONValue = [
    "type": "object",
    "properties": [
      "city": ["type": "string"], "unit": ["type": "string", "enum": ["celsius", "fahrenheit"]],
      "days": ["type": "integer", "minimum": 1, "maximum": 9],
      "tags": ["type": "array", "items": ["type": "string", "maxLength": 4], "maxItems": 2],
      "exact": ["$ref": "#/$defs/flag", "type": "boolean"],
    ],
    "required": ["city", "days"], "additionalProperties": false, "$defs": ["flag": ["type": "boolean"]],
  ]
  private static let functions = [
    ToolCallGrammar.Function(name: "get_weather", parameters: weather, isStrict: true),
    ToolCallGrammar.Function(
      name: "ping", parameters: ["type": "object", "additionalProperties": false], isStrict: true),
  ]
  private static let declarations = ToolDeclarations([
    ["function": ["name": "get_weather", "parameters": weather]], ["function": ["name": "ping"]],
  ])

  static let formats = ToolFormat.names.flatMap { name in
    (name == "mistral" ? ["", "[ARGS]"] : [""]).map { (name, $0) }
  }

  /// A text under the grammar: bytes at random, ended where it may end, at the latest by what is forced.
  private static func walk(from start: GrammarMatcher, end: String?, seed: UInt64) throws -> String {
    var random = SplitMix64(seed: seed)
    var matcher = start, bytes: [UInt8] = []
    for step in 0..<6000 {
      if matcher.accepts, step > 400 || random.next() % 4 == 0 { break }
      // Free text would hardly ever come to its end tag by chance.
      if let end, random.next() % 8 == 0, canTake(end, matcher), matcher.advance(bytes: Array(end.utf8)) {
        bytes += end.utf8
        continue
      }
      let mask = TokenMask(words: matcher.mask())
      var allowed = (0..<Int32(256)).filter { mask.contains($0) }
      // Prefer what looks like the end of something, so that walks end.
      let ends = allowed.filter { "\"]}<),\n`;".utf8.contains(UInt8($0)) }
      if !ends.isEmpty, step > 300 || random.next() % 6 == 0 { allowed = ends }
      let readable = allowed.filter { (0x20..<0x7F).contains($0) || $0 == 0x0A }
      guard let next = (readable.isEmpty ? allowed : readable).randomElement(using: &random) else { break }
      let isTaken = matcher.advance(TokenID(next))
      #expect(isTaken)
      bytes.append(UInt8(next))
    }
    try #require(matcher.accepts, "unfinished: \(String(decoding: bytes.suffix(200), as: UTF8.self))")
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func valueEnd(_ format: ToolFormat, _ template: String) -> String? {
    switch format.callSyntax(template: template)?.arguments {
    case .tags(let tags): return tags.end
    case .gemma(let quote): return quote
    case .json, .keywords, nil: return nil
    }
  }

  private static func canTake(_ text: String, _ matcher: GrammarMatcher) -> Bool {
    var copy = matcher
    return copy.advance(bytes: Array(text.utf8))
  }

  private static func check(_ call: ParsedResponse.Call, _ text: String) throws {
    let arguments = try #require(try? JSONValue(parsing: call.arguments), "\(call.arguments) of \(text)")
    let members = try #require(arguments.objectValue, "\(text)")
    guard call.name == "get_weather" else {
      #expect(call.name == "ping" && members.count == 0, "\(text)")
      return
    }
    #expect(members["city"]?.stringValue != nil, "\(text)")
    #expect((1...9).contains(members["days"]?.intValue ?? 0), "\(text)")
    #expect(members["unit"].map { $0 == "celsius" || $0 == "fahrenheit" } ?? true, "\(text)")
    #expect(members["exact"].map { $0.boolValue != nil } ?? true, "\(text)")
    let tags = members["tags"].map { $0.arrayValue ?? [.null] } ?? []
    #expect(tags.count <= 2 && tags.allSatisfy { ($0.stringValue?.unicodeScalars.count ?? 5) <= 4 }, "\(text)")
    #expect(members.keys.allSatisfy { ["city", "unit", "days", "tags", "exact"].contains($0) }, "\(text)")
  }

  private static func parse(_ text: String, _ format: ToolFormat, prefill: String) -> ParsedResponse {
    var options = ResponseParser.Options()
    options.tools = format
    options.declarations = declarations
    options.prefill = prefill
    return ResponseParser.parse(text, options)
  }

  @Test(arguments: formats) func begunCallsObeyTheirSchemas(name: String, template: String) throws {
    let format = try #require(ToolFormat.named(name))
    let calls = try #require(ToolCallGrammar(format, template: template))
    for function in [nil, "get_weather"] as [String?] {
      let source = try #require(
        try calls.source(Self.functions, scope: .begun(function: function), isSingle: false))
      let grammar = try GrammarFixture.compile(source)
      let begun = try #require(format.prefill(function: function, template: template))
      let prefill = begun.replacing("{index}", with: "0")
      for seed in UInt64(1)...8 {
        let text = try Self.walk(from: GrammarMatcher(grammar), end: Self.valueEnd(format, template), seed: seed)
        let response = Self.parse(text, format, prefill: prefill)
        #expect(!response.calls.isEmpty, "\(text)")
        for call in response.calls { try Self.check(call, text) }
        if let function { #expect(response.calls.first?.name == function) }
      }
    }
  }

  @Test(arguments: formats) func freeTextsHaveCallsThatObey(name: String, template: String) throws {
    let format = try #require(ToolFormat.named(name))
    let calls = try #require(ToolCallGrammar(format, template: template))
    let source = try #require(try calls.source(Self.functions, scope: .free, isSingle: false))
    let grammar = try GrammarFixture.compile(source)
    #expect(GrammarFixture.matches(grammar, "Hello: it is 3 < 4.".utf8))
    var seen = 0
    // A bracket is text until an offered function stands behind it.
    let name = name == "pythonic" ? "get_weather" : nil
    let begun = try #require(format.prefill(function: name, template: template))
    for seed in UInt64(1)...6 {
      var matcher = GrammarMatcher(grammar)
      let isTaken = begun.utf8.allSatisfy { matcher.advance(bytes: [$0]) }
      #expect(isTaken, "\(begun)")
      let text = try begun + Self.walk(from: matcher, end: Self.valueEnd(format, template), seed: seed)
      for call in Self.parse(text, format, prefill: "").calls {
        seen += 1
        try Self.check(call, text)
      }
    }
    #expect(seen >= 6)
    let bad = begun + "launch_missiles"
    #expect(!GrammarFixture.matches(grammar, bad.utf8))
  }

  @Test func oneCallMeansOne() throws {
    let format = try #require(ToolFormat.named("qwen25"))
    let calls = try #require(ToolCallGrammar(format, template: ""))
    let ping = "{\"name\": \"ping\", \"arguments\": {}}\n</tool_call>"
    for isSingle in [false, true] {
      let source = try #require(try calls.source(Self.functions, scope: .free, isSingle: isSingle))
      let grammar = try GrammarFixture.compile(source)
      #expect(GrammarFixture.matches(grammar, "<tool_call>\n\(ping)".utf8))
      #expect(GrammarFixture.matches(grammar, "<tool_call>\n\(ping)\n<tool_call>\n\(ping)".utf8) != isSingle)
    }
  }

  @Test func strictSchemasThatTagsCannotHoldAreRefused() throws {
    let format = try #require(ToolFormat.named("qwen3_coder"))
    let calls = try #require(ToolCallGrammar(format, template: ""))
    let cases: [(JSONValue, String)] = [
      (["properties": ["a": ["type": "string", "pattern": "^x"]]], "pattern at #/properties/a"),
      (["properties": ["a": ["type": ["string", "integer"]]]], "type at #/properties/a"),
      (["properties": ["a": ["description": "?"]]], "type at #/properties/a"),
      (["properties": ["a": ["type": "string", "enum": [" a"]]]], "enum at #/properties/a"),
      (["properties": ["a": ["type": "array", "items": ["$ref": "#"]]]], "$ref at #/properties/a"),
      (["minProperties": 1], "minProperties at #"), (["required": ["b"]], "required at #/required"),
    ]
    for (schema, message) in cases {
      for isStrict in [true, false] {
        let function = ToolCallGrammar.Function(name: "f", parameters: schema, isStrict: isStrict)
        do throws(GrammarError) {
          _ = try calls.source([function], scope: .free, isSingle: true)
          #expect(!isStrict, "\(message)")
        } catch {
          #expect(isStrict && error.message.hasPrefix(message), "\(error.message)")
        }
      }
    }
  }

  @Test func thinkingMayStandInFront() throws {
    let grammar = try GrammarFixture.compile(.behindThinking(.choice(["yes"]), open: "<think>", close: "</think>"))
    #expect(GrammarFixture.matches(grammar, "yes".utf8))
    #expect(GrammarFixture.matches(grammar, "<think>\nHm, no?\n</think>\n\nyes".utf8))
    for text in ["<think>yes", "<think></think>no", "</think>yes", "<think></think>yes</think>"] {
      #expect(!GrammarFixture.matches(grammar, text.utf8))
    }
  }

  @Test func answersInChannelsAreHeldToTheirForm() throws {
    let grammar = try GrammarFixture.compile(.inFinalChannel(.choice(["yes"])))
    let final = "<|channel|>final<|message|>", analysis = "<|channel|>analysis<|message|>"
    #expect(GrammarFixture.matches(grammar, "\(final)yes".utf8))
    #expect(GrammarFixture.matches(grammar, "\(analysis)Hm.<|end|><|start|>assistant\(final)yes".utf8))
    for text in ["yes", "\(final)no", "\(analysis)yes", "\(analysis)Hm.<|end|>yes", "\(final)yes<|end|>"] {
      #expect(!GrammarFixture.matches(grammar, text.utf8))
    }
  }

  /// Texts with brackets are no calls, but for those of offered functions.
  @Test func bracketsMayStandInTexts() throws {
    let format = try #require(ToolFormat.named("pythonic"))
    let calls = try #require(ToolCallGrammar(format, template: ""))
    let grammar = try GrammarFixture.compile(
      try #require(try calls.source(Self.functions, scope: .free, isSingle: false)))
    for text in ["a[i] = [f(x)]", "[ping", "Now: [ping()]", "[get_weather(city=\"a\", days=3), ping()]"] {
      #expect(GrammarFixture.matches(grammar, text.utf8), "\(text)")
    }
    for text in ["[ping(x=1)]", "[ ping ()]", "[get_weather(city=3, days=3)]", "[ping()] and so on"] {
      #expect(!GrammarFixture.matches(grammar, text.utf8), "\(text)")
    }
  }

  @Test func gemmaHasNestedArguments() throws {
    let format = try #require(ToolFormat.named("gemma"))
    let calls = try #require(ToolCallGrammar(format, template: ""))
    let schema: JSONValue = [
      "type": "object",
      "properties": [
        "place": [
          "type": "object", "properties": ["name": ["type": "string"], "size": ["type": ["integer", "null"]]],
          "required": ["name"],
        ],
        "days": ["type": "array", "items": ["enum": ["mon", "tue"]], "minItems": 1],
      ],
      "required": ["place"],
    ]
    let function = ToolCallGrammar.Function(name: "f", parameters: schema, isStrict: true)
    let source = try #require(try calls.source([function], scope: .begun(function: "f"), isSingle: true))
    let grammar = try GrammarFixture.compile(source), end = "}<end_function_call>"
    for text in [
      "place:{name:<escape>Rome<escape>}", "place:{name:<escape>\"<escape>,size:null},days:[<escape>mon<escape>]",
      "place:{name:<escape><escape>,size:3},days:[<escape>tue<escape>,<escape>mon<escape>]",
    ] {
      #expect(GrammarFixture.matches(grammar, (text + end).utf8), "\(text)")
    }
    for text in [
      "", "place:<escape>Rome<escape>", "place:{size:3}", "place:{name:\"Rome\"}",
      "place:{name:<escape>a<escape>},days:[]", "place:{name:<escape>a<escape>},days:[<escape>wed<escape>]",
    ] {
      #expect(!GrammarFixture.matches(grammar, (text + end).utf8), "\(text)")
    }
    let odd = ToolCallGrammar.Function(
      name: "f", parameters: ["properties": ["a": ["type": "string", "pattern": "^x"]]], isStrict: true)
    #expect(throws: GrammarError.self) { try calls.source([odd], scope: .free, isSingle: true) }
  }
}
