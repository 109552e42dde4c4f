import MartletCore
import MartletText

/// A prompt for the text between a prefix and a suffix, in the form that a code model was trained on.
struct FillInMiddle: Sendable {
  let tokens: [TokenID]
  /// Marks that end the text beside the model's own end tokens.
  let ends: [TokenID]

  /// What stands in front of the prefix, the suffix and the text wanted: Qwen and CodeGemma; StarCoder and Granite;
  /// DeepSeek-Coder.
  private static let marks = [
    ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"], ["<fim_prefix>", "<fim_suffix>", "<fim_middle>"],
    ["<fim-prefix>", "<fim-suffix>", "<fim-middle>"], ["<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"],
  ]
  private static let ends = [
    "<|fim_pad|>", "<|file_sep|>", "<|repo_name|>", "<file_sep>", "<fim_pad>", "<fim-pad>", "<|endoftext|>",
  ]

  /// Special tokens that are spelled out in the texts stay text.
  /// - Throws: when the vocabulary has none of the forms.
  static func prompt(_ prefix: String, suffix: String, model: ServedModel) throws(InvalidField) -> FillInMiddle {
    let tokenizer = model.tokenizer
    for spelled in marks {
      let found = spelled.compactMap { tokenizer.token(spelled: $0) }
      guard found.count == spelled.count else { continue }
      var tokens = tokenizer.encode("", addSpecialTokens: true).filter { $0 == tokenizer.beginToken }
      tokens.append(found[0])
      tokens += tokenizer.encode(prefix, addSpecialTokens: false, parseSpecialTokens: false)
      tokens.append(found[1])
      tokens += tokenizer.encode(suffix, addSpecialTokens: false, parseSpecialTokens: false)
      tokens.append(found[2])
      return FillInMiddle(tokens: tokens, ends: found + ends.compactMap { tokenizer.token(spelled: $0) })
    }
    throw InvalidField(
      field: "suffix", reason: "needs a model with fill-in-the-middle tokens, which \(model.name) does not have")
  }
}
