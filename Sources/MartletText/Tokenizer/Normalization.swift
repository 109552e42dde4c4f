import Foundation

/// Unicode normalisation forms.
enum Normalization {
  /// Composed form; ASCII text is its own.
  static func nfc(_ text: String) -> String {
    text.utf8.allSatisfy { $0 < 0x80 } ? text : text.precomposedStringWithCanonicalMapping
  }
}
