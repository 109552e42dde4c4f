import Testing

@testable import MartletText

/// The hand-written scanners against their patterns run by PCRE2, over random text.
@Suite struct WordScannerTests {
  private struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (state ^ state >> 33) &* 0xFF51_AFD7_ED55_8CCD
    }
  }

  private static let alphabet: [Unicode.Scalar] =
    Array(
      "aZ'sStTrRvVeEmMlLdD019 \t\n\r\u{B}.,!_/éßſ\u{301}\u{93F}你三Ⅷ²½\u{A0}\u{3000}\u{2028}\u{85}\u{200B}👍\u{FE0F}\u{1F1E6}𝟘"
        .unicodeScalars)

  /// Characters that both the standard library and PCRE2 know; U+180E is a space to PCRE2 only.
  private static func text(_ generator: inout Generator) -> String {
    var scalars = String.UnicodeScalarView()
    for _ in 0..<Int.random(in: 1...24, using: &generator) {
      if Int.random(in: 0..<4, using: &generator) > 0 {
        scalars.append(alphabet[Int.random(in: 0..<alphabet.count, using: &generator)])
      } else if let scalar = Unicode.Scalar(UInt32.random(in: 1..<0x30000, using: &generator)), scalar.value != 0x180E,
        let age = scalar.properties.age, age.major <= 14
      {
        scalars.append(scalar)
      }
    }
    return String(scalars)
  }

  @Test(arguments: [
    (WordPattern.gpt2(individualDigits: false), [WordPattern.gpt2Pattern]),
    (.gpt2(individualDigits: true), [#"\p{N}"#, WordPattern.gpt2Pattern]),
    (.llama3(maxDigits: 1, marksAreLetters: false), [WordPattern.llama3Pattern(maxDigits: 1, marksAreLetters: false)]),
    (.llama3(maxDigits: 3, marksAreLetters: false), [WordPattern.llama3Pattern(maxDigits: 3, marksAreLetters: false)]),
    (.llama3(maxDigits: 1, marksAreLetters: true), [WordPattern.llama3Pattern(maxDigits: 1, marksAreLetters: true)]),
  ])
  func scannersAgreeWithTheirPatterns(pattern: WordPattern, expressions: [String]) throws {
    let scanner = try TextSplitter([.words(pattern)])
    let reference = try TextSplitter(expressions.map { .pattern($0, .isolated, inverted: false) })
    var generator = Generator(state: 11)
    for _ in 0..<20_000 {
      var text = Self.text(&generator)
      text.withUTF8 { bytes in
        let found = unsafe scanner.split(bytes, isFirst: true).pieces
        let expected = unsafe reference.split(bytes, isFirst: true).pieces
        if found != expected {
          Issue.record("\(String(decoding: unsafe Array(bytes), as: UTF8.self).debugDescription)")
        }
      }
    }
  }
}
