/// How text is cut into words before merging.
package enum TextSplitter: Sendable, Equatable {
  case none
  /// GPT-2's pattern; `individualDigits` cuts each number character out first (SmolLM).
  case gpt2(individualDigits: Bool)
  /// Llama 3's and Qwen's pattern, with runs of up to `maxDigits` number characters.
  case llama3(maxDigits: Int)
  /// Regular expressions applied one after the other to the pieces of the one before; matches and gaps are pieces.
  case patterns([String])
}
