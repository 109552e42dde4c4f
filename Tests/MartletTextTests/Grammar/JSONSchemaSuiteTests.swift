import Testing

@testable import MartletText

/// The JSON Schema Test Suite (`scripts/goldens/json_schema_suite.py`): a schema is refused, or its grammar agrees with
/// every test. An instance counts as accepted when one of its spellings is: members in some order, whole numbers
/// without a fraction.
@Suite struct JSONSchemaSuiteTests {
  /// Tests that the compiler's documented choices leave out, by description.
  private static let knownGaps: Set<String> = [
    // Leap seconds are valid at one minute of a day only.
    "a valid time string with leap second, Zulu", "valid leap second, zero time-offset",
    "valid leap second, positive time-offset", "valid leap second, large positive time-offset",
    "valid leap second, negative time-offset", "valid leap second, large negative time-offset",
    "a valid date-time with a leap second, UTC", "a valid date-time with a leap second, with minus offset",
  ]

  @Test func everyEnforcedSchemaAgrees() throws {
    let groups = try #require(try GrammarFixture.golden("json-schema-suite.json").arrayValue)
    var enforced: [String: Int] = [:]
    var tests = 0
    for group in groups {
      let schema = try #require(group["schema"])
      let name = "\(group["file"]?.stringValue ?? "") \(group["description"]?.stringValue ?? "")"
      let grammar: CompiledGrammar?
      do {
        grammar = try GrammarFixture.compile(.jsonSchema(schema.serializedText(), .any))
        enforced[group["file"]?.stringValue?.split(separator: "/").first.map(String.init) ?? "", default: 0] += 1
      } catch {
        // No instance at all: there is nothing to generate, and every test must be a rejection.
        guard error.kind == .empty else { continue }
        grammar = nil
      }
      for test in group["tests"]?.arrayValue ?? [] {
        guard let parts = test.arrayValue, parts.count == 3, let valid = parts[0].boolValue else { continue }
        guard !Self.knownGaps.contains(parts[2].stringValue ?? "") else { continue }
        let accepted =
          grammar.map { grammar in InstanceSpellings.all(of: parts[1]).contains { GrammarFixture.matches(grammar, $0) }
          }
          ?? false
        tests += 1
        #expect(accepted == valid, "\(name): \(parts[2].stringValue ?? "")")
      }
    }
    // What Docs/structured-output.md says.
    #expect(enforced == ["draft2020-12": 257, "draft7": 209])
    #expect(tests > 1_500, "\(tests) tests")
  }

  @Test(arguments: [
    (#"{"properties":{"a":{"$ref":"http://example.com/s"}}}"#, "$ref", "#/properties/a"),
    (#"{"type":"array","uniqueItems":true}"#, "uniqueItems", "#"),
    (#"{"anyOf":[{"format":"iri"}]}"#, "format", "#/anyOf/0"),
    (#"{"oneOf":[{"required":["a"],"additionalProperties":{}},{"propertyNames":{"pattern":"b"}}]}"#, "oneOf", "#"),
    (#"{"allOf":[{}],"unevaluatedProperties":false}"#, "unevaluatedProperties", "#"),
    (#"{"properties":{"a/b":{"pattern":"(a)\\1"}}}"#, "a backreference", "#/properties/a~1b/pattern offset 4"),
    (#"{"type":"object","minProperties":2}"#, "minProperties", "#"),
    // What leaves nothing: as few keywords as do it by themselves.
    ("false", "the schema", "#"), (#"{"title":"x","enum":[]}"#, "enum", "#"), (#"{"not":{}}"#, "not", "#"),
    (#"{"type":"string","enum":[1,2],"description":"x"}"#, "the combination of type and enum", "#"),
    (
      #"{"type":"string","minLength":5,"pattern":"a","maxLength":3}"#,
      "the combination of type, minLength and maxLength", "#"
    ),
    (
      #"{"allOf":[{"type":"string"},{"title":"x"},{"type":"integer"}]}"#,
      "the combination of allOf/0/type and allOf/2/type", "#"
    ),
    (
      #"{"type":"object","required":["a"],"properties":{"b":{"type":"null"},"a":{"type":"null","const":3}}}"#,
      "the combination of type and const", "#/properties/a"
    ),
    (
      #"{"type":"object","required":["a"],"additionalProperties":false,"properties":{"b":{}}}"#,
      "the combination of type, required and additionalProperties", "#"
    ),
    (
      ##"{"$ref":"#/$defs/x","$defs":{"y":false,"x":{"type":"array","minItems":1,"items":{"$ref":"#/$defs/z"}},"##
        + ##""z":{"type":"integer","minimum":3,"exclusiveMaximum":3}}}"##,
      "the combination of type, minimum and exclusiveMaximum", "#/$defs/z"
    ),
    (#"{"type":"array","items":{"enum":[]},"minItems":2}"#, "enum", "#/items"),
  ])
  func refusalsNameKeywordsAndPlace(schema: String, construct: String, place: String) {
    let error = #expect(throws: GrammarError.self) { try GrammarFixture.compile(.jsonSchema(schema, .any)) }
    #expect(error?.construct == construct && error?.location == place, "\(error?.message ?? "")")
  }

  /// Counts of members that the declared ones can make up.
  @Test(arguments: [
    (#"{"type":"object","properties":{"a":{},"b":{},"c":{}},"minProperties":2,"additionalProperties":false}"#, 2...3),
    (
      #"{"type":"object","properties":{"a":{},"b":{},"c":{}},"minProperties":2,"maxProperties":2,"additionalProperties":false}"#,
      2...2
    ),
    (#"{"type":"object","properties":{"a":{},"b":{},"c":{}},"required":["a"],"minProperties":2}"#, 2...3),
    (#"{"type":"object","properties":{"a":{},"b":{},"c":{}},"required":["a","c"],"minProperties":2}"#, 2...3),
  ])
  func minPropertiesCountsDeclaredMembers(schema: String, counts: ClosedRange<Int>) throws {
    let grammar = try GrammarFixture.compile(.jsonSchema(schema, .none))
    let members = [(#""a":1"#, "a"), (#""b":1"#, "b"), (#""c":1"#, "c")]
    let required = schema.contains(#"["a","c"]"#) ? ["a", "c"] : schema.contains(#"["a"]"#) ? ["a"] : []
    for subset in 0..<8 {
      let chosen = members.enumerated().filter { subset >> $0.offset & 1 == 1 }.map(\.element)
      let text = "{" + chosen.map(\.0).joined(separator: ",") + "}"
      let isValid = counts.contains(chosen.count) && required.allSatisfy { name in chosen.contains { $0.1 == name } }
      #expect(GrammarFixture.matches(grammar, text.utf8) == isValid, "\(text) for \(schema)")
    }
  }
}
