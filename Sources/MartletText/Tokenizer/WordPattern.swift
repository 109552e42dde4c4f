/// Word patterns that have a hand-written scanner.
package enum WordPattern: Sendable, Equatable {
  /// GPT-2's pattern; `individualDigits` cuts each number character out first (SmolLM).
  case gpt2(individualDigits: Bool)
  /// Llama 3's and Qwen's pattern, with runs of up to `maxDigits` number characters; in Qwen 3.5's, combining marks count
  /// as letters.
  case llama3(maxDigits: Int, marksAreLetters: Bool)

  static let gpt2Pattern = #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

  static func llama3Pattern(maxDigits: Int, marksAreLetters: Bool) -> String {
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?"# + (marksAreLetters ? #"[\p{L}\p{M}]+|"# : #"\p{L}+|"#)
      + (maxDigits == 1 ? #"\p{N}"# : #"\p{N}{1,\#(maxDigits)}"#)
      + (marksAreLetters ? #"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"# : #"| ?[^\s\p{L}\p{N}]+[\r\n]*"#)
      + #"|\s*[\r\n]+|\s+(?!\S)|\s+"#
  }

  /// The steps with the patterns that have a scanner replaced by it.
  static func recognized(in steps: [SplitStep]) -> [SplitStep] {
    var result: [SplitStep] = []
    for step in steps {
      guard case .pattern(let pattern, .isolated, inverted: false) = step else {
        result.append(step)
        continue
      }
      if pattern == gpt2Pattern {
        if result.last == .pattern(#"\p{N}"#, .isolated, inverted: false) {
          result[result.count - 1] = .words(.gpt2(individualDigits: true))
        } else {
          result.append(.words(.gpt2(individualDigits: false)))
        }
      } else {
        let known = [(1, false), (3, false), (1, true), (3, true)].first {
          pattern == llama3Pattern(maxDigits: $0.0, marksAreLetters: $0.1)
        }
        result.append(known.map { .words(.llama3(maxDigits: $0.0, marksAreLetters: $0.1)) } ?? step)
      }
    }
    return result
  }
}
