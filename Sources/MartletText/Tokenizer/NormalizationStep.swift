/// One rewriting of text in front of encoding.
package enum NormalizationStep: Sendable {
  case composed, decomposed, compatiblyComposed, compatiblyDecomposed
  case lowercased
  case accentsStripped
  /// In front of any text that is not empty.
  case prepended([UInt8])
  case replaced([UInt8], by: [UInt8])
  /// Matches of a regular expression.
  case patternReplaced(String, by: [UInt8])
  case whitespaceStripped(left: Bool, right: Bool)
  /// SentencePiece's compiled rules.
  case mapped(CharacterMap)
}
