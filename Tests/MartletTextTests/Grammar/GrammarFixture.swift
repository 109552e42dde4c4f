import Foundation
import MartletCore

@testable import MartletText

/// Vocabularies and shortcuts of the grammar tests.
enum GrammarFixture {
  static let bytes = GrammarVocabulary.bytes()

  /// All bytes, then longer tokens that cross the borders of JSON's tokens and of characters.
  static let pieces: GrammarVocabulary = {
    var list = TokenList()
    for byte in UInt8.min...UInt8.max { list.append([byte]) }
    let longer = [
      "{\"", "\":", "\": ", "\",\"", "\"}", "}}", "},", "],[", "[[", "]]", "\":{\"", "\":[", "true", "false", "null",
      "ab", "abc", "name", "\"name", "na", "me\"", "12", "123", "0.", ".5", "e+", "-1", "1,", "\\n", "\\\"", "\\u00",
      "  ", "\n  ", "é", "日本", "\u{1F600}", "a\"", "b\",", "ab\":", "aaaa", "aaaaaaaa", "aaaaaaaaaaaaaaaa",
      "--------------------", "abababababababababababababababab", "aaaaaaaaaaaa\"",
      "a.a.a.a.a.a.a.a", "a@a", ".b", "a b", "<tool>", "</tool>",
      "<t",
      "ool>", "x=", "+(", "))", "a\":1", "a\":1}", "\"a\":", "\"b\"", "1}", " \"", "] ", ",\"",
    ]
    for text in longer { list.append(text.utf8) }
    for part in [[0xE6], [0xE6, 0x97], [0x97, 0xA5], [0xA9, 0x22], [0xC3]] as [[UInt8]] { list.append(part) }
    // A second token with the spelling of another, and a special one.
    list.append("ab".utf8)
    list.append("<tool>".utf8)
    return GrammarVocabulary(spellings: list, special: [Int32(list.count - 1)])
  }()

  static func compile(
    _ source: GrammarSource, _ vocabulary: GrammarVocabulary = bytes, budget: GrammarBudget = budget
  ) throws(GrammarError) -> CompiledGrammar {
    try GrammarCompiler(vocabulary: vocabulary, budget: budget).compile(source)
  }

  /// Generous in time: tests run beside others.
  static var budget: GrammarBudget {
    var budget = GrammarBudget()
    budget.compileTime = .seconds(20)
    return budget
  }

  static func matches(_ grammar: CompiledGrammar, _ text: some Sequence<UInt8>) -> Bool {
    var matcher = GrammarMatcher(grammar)
    return text.allSatisfy { matcher.advance(bytes: [$0]) } && matcher.accepts
  }

  static func golden(_ name: String) throws -> JSONValue {
    let url = Bundle.module.resourceURL?.appendingPathComponent("Goldens/grammar/\(name)")
    return try JSONValue(parsing: Array(Data(contentsOf: url ?? URL(fileURLWithPath: name))))
  }
}
