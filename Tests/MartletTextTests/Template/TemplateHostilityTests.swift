import Foundation
import MartletCore
import MartletText
import Testing

/// Faulty and hostile templates end with an error that has a place; nothing traps.
@Suite struct TemplateHostilityTests {
  private static let folder = Bundle.module.resourceURL?.appendingPathComponent("Goldens/templates")

  private static func json(_ name: String) throws -> JSONValue {
    let folder = try #require(folder)
    return try JSONValue(parsing: Array(Data(contentsOf: folder.appendingPathComponent(name))))
  }

  /// Renders if it can; an error must have a place.
  private func attempt(_ source: String, _ context: JSONObject) {
    do { _ = try ChatTemplate(source: source).render(context, now: .fixed(0)) } catch {
      #expect(error.line >= 1 && error.column >= 1, "\(source)")
    }
  }

  private static func snippets() throws -> (sources: [String], context: JSONObject) {
    let golden = try json("snippets.json")
    let cases = try #require(golden["cases"]?.arrayValue)
    return (cases.compactMap { $0["template"]?.stringValue }, try #require(golden["context"]?.objectValue))
  }

  @Test func everyPrefixOfASnippetIsAnErrorOrATemplate() throws {
    let (sources, context) = try Self.snippets()
    for source in sources {
      let scalars = Array(source.unicodeScalars)
      for length in 0..<scalars.count { attempt(String(String.UnicodeScalarView(scalars[..<length])), context) }
    }
  }

  @Test func prefixesOfChatTemplatesAreErrorsOrTemplates() throws {
    let folder = try #require(Self.folder)
    let context = try #require(try Self.json("conversations.json")["tools"]?.objectValue)
    for file in try FileManager.default.contentsOfDirectory(atPath: folder.path) where file.hasPrefix("chat-") {
      let source = Array(try #require(try Self.json(file)["template"]?.stringValue).unicodeScalars)
      for length in stride(from: 1, to: source.count, by: 61) {
        attempt(String(String.UnicodeScalarView(source[..<length])), context)
      }
    }
  }

  /// Snippets are cut into small pieces, of which some change places, vanish or come twice.
  @Test func shuffledSnippetsAreErrorsOrTemplates() throws {
    let (sources, context) = try Self.snippets()
    var random = SplitMix64(seed: 7)
    let pieces = sources.flatMap { $0.split(separator: " ").map(String.init) }
    for source in sources {
      for _ in 0..<8 {
        var parts = source.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        for _ in 0..<Int.random(in: 1...3, using: &random) {
          let place = Int.random(in: 0..<parts.count, using: &random)
          switch Int.random(in: 0..<3, using: &random) {
          case 0: parts[place] = pieces.randomElement(using: &random) ?? ""
          case 1: parts.insert(pieces.randomElement(using: &random) ?? "", at: place)
          default: parts.swapAt(place, Int.random(in: 0..<parts.count, using: &random))
          }
        }
        attempt(parts.joined(separator: " "), context)
      }
    }
  }

  private static func nested(_ count: Int, _ open: String, _ inner: String, _ close: String) -> String {
    String(repeating: open, count: count) + inner + String(repeating: close, count: count)
  }

  @Test(arguments: [
    "{{ " + nested(100_000, "(", "1", ")") + " }}", "{{ " + nested(100_000, "[", "1", "]") + " }}",
    "{{ " + nested(100_000, "{1:", "1", "}") + " }}", "{{ " + nested(100_000, "-", "1", "") + " }}",
    "{{ " + nested(100_000, "not ", "1", "") + " }}", "{{ 1" + nested(100_000, " + 1", "", "") + " }}",
    "{{ a" + nested(100_000, ".a", "", "") + " }}", "{{ a" + nested(100_000, "[0]", "", "") + " }}",
    "{{ a" + nested(100_000, "|list", "", "") + " }}", "{{ a" + nested(100_000, "()", "", "") + " }}",
    "{{ " + nested(100_000, "1 if 1 else ", "2", "") + " }}", "{{ 1" + nested(100_000, " if 1", "", "") + " }}",
    nested(100_000, "{% if 1 %}", "", "{% endif %}"), nested(100_000, "{% for i in a %}", "", "{% endfor %}"),
    "{% set " + nested(100_000, "(", "a", ",)") + " = 1 %}",
  ])
  func deepNestingIsRefused(source: String) {
    let error = #expect(throws: TemplateError.self) { try ChatTemplate(source: source) }
    #expect(error?.kind == .syntax)
  }

  @Test func theDeepestAllowedTemplateRenders() throws {
    let expression = Self.nested(60, "[", "1", "]")
    let source = Self.nested(95, "{% if 1 %}", "{{ \(expression) }}", "{% endif %}")
    #expect(try ChatTemplate(source: source).render(JSONObject()) == expression)
    let sum = "{{ 1" + String(repeating: " ~ 1", count: 10_000) + " }}"
    #expect(try ChatTemplate(source: sum).render(JSONObject()).utf8.count == 10_001)
  }

  @Test(arguments: [
    "{{ 'x'|center(999999999999) }}", "{{ '%999999999d' % 1 }}", "{{ '{:999999999}'.format(1) }}",
    "{{ [1]|batch(99999999, 0)|list }}",
    "{{ [1]|slice(99999999)|list }}", "{{ 'x'.ljust(99999999999) }}", "{{ range(0, 9223372036854775807, 1) }}",
    "{{ -9223372036854775807 - 2 }}", "{{ (-9223372036854775807 - 1) // -1 }}", "{{ (-9223372036854775807 - 1)|abs }}",
    "{{ 9223372036854775807 * 2 }}", "{{ 1e300|int }}", "{{ 2 ** 64 }}", "{{ 9223372036854775807|round(-1) }}",
    "{{ strftime_now('%c' * 9999) }}", "{{ '\\t'.expandtabs(999999999) }}",
  ])
  func hugeNumbersAreRefused(source: String) {
    #expect(throws: TemplateError.self) { try ChatTemplate(source: source).render(JSONObject()) }
  }

  @Test(arguments: [
    "{{ (-9223372036854775807 - 1) % -1 }}", "{{ [1, 2][-9223372036854775807:9223372036854775807] }}",
    "{{ 'ab'[::9223372036854775807] }}", "{{ range(3)[::9223372036854775807] }}", "{{ [1][9223372036854775807] }}",
    "{{ 'ab'[-9223372036854775807] }}", "{{ range(1152921504606846975, 1152921504606846970, -2)|list }}",
    "{{ 5|round(-9223372036854775807) }}", "{{ 'a'.find('a', -9223372036854775807) }}", "{{ '1'|int(0, 99) }}",
    "{{ 'a b'.split(none, 9223372036854775807) }}", "{{ 'ab'.replace('a', 'c', 9223372036854775807) }}",
  ])
  func extremeNumbersDoNotTrap(source: String) {
    attempt(source, JSONObject())
  }

  /// A search that backtracks would take minutes.
  @Test func searchIsLinear() throws {
    let source = "{% set a = 'a' * 400000 %}{{ (a ~ a).find(a ~ 'b') }}{{ (a ~ 'b') in (a ~ a) }}"
    #expect(try ChatTemplate(source: source).render(JSONObject()) == "-1False")
  }
}
