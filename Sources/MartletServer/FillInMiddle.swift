import MartletCore
import MartletText

/// A prompt for the text between a prefix and a suffix, in the form that a code model was trained on.
struct FillInMiddle: Sendable {
  let tokens: [TokenID]
  /// Marks that end the text beside the model's own end tokens.
  let ends: [TokenID]

  private enum Part { case prefix, suffix, middle }

  /// Each form's marks in the order of the prompt, with what stands behind each: Qwen and CodeGemma; StarCoder and
  /// Granite; DeepSeek-Coder; CodeLlama; Codestral, whose text goes on behind the prefix.
  private static let forms: [[(mark: String, part: Part)]] = [
    [("<|fim_prefix|>", .prefix), ("<|fim_suffix|>", .suffix), ("<|fim_middle|>", .middle)],
    [("<fim_prefix>", .prefix), ("<fim_suffix>", .suffix), ("<fim_middle>", .middle)],
    [("<fim-prefix>", .prefix), ("<fim-suffix>", .suffix), ("<fim-middle>", .middle)],
    [("<｜fim▁begin｜>", .prefix), ("<｜fim▁hole｜>", .suffix), ("<｜fim▁end｜>", .middle)],
    [("▁<PRE>", .prefix), ("▁<SUF>", .suffix), ("▁<MID>", .middle)], [("[SUFFIX]", .suffix), ("[PREFIX]", .prefix)],
  ]
  private static let ends = [
    "<|fim_pad|>", "<|file_sep|>", "<|repo_name|>", "<file_sep>", "<fim_pad>", "<fim-pad>", "<|endoftext|>", "▁<EOT>",
  ]

  /// Special tokens that are spelled out in the texts stay text.
  /// - Throws: when the vocabulary has none of the forms.
  static func prompt(_ prefix: String, suffix: String, model: ServedModel) throws(InvalidField) -> FillInMiddle {
    let tokenizer = model.tokenizer
    for form in forms {
      let found = form.compactMap { tokenizer.token(spelled: $0.mark) }
      guard found.count == form.count else { continue }
      var tokens = tokenizer.encode("", addSpecialTokens: true).filter { $0 == tokenizer.beginToken }
      for (mark, place) in zip(found, form) {
        tokens.append(mark)
        switch place.part {
        case .prefix: tokens += tokenizer.encode(prefix, addSpecialTokens: false, parseSpecialTokens: false)
        case .suffix: tokens += inner(suffix, tokenizer)
        case .middle: break
        }
      }
      return FillInMiddle(tokens: tokens, ends: found + ends.compactMap { tokenizer.token(spelled: $0) })
    }
    throw InvalidField(
      field: "suffix", reason: "needs a model with fill-in-the-middle tokens, which \(model.name) does not have")
  }

  /// A text that goes on from another, without the space that a tokenizer puts in front of a text. The references cut
  /// that off behind a sign which joins with nothing, too.
  private static func inner(_ text: String, _ tokenizer: Tokenizer) -> [TokenID] {
    let plain = tokenizer.encode(text, addSpecialTokens: false, parseSpecialTokens: false)
    guard tokenizer.addsLeadingSpace else { return plain }
    let sign = "☺"
    let lead = tokenizer.encode(sign, addSpecialTokens: false, parseSpecialTokens: false)
    let both = tokenizer.encode(sign + text, addSpecialTokens: false, parseSpecialTokens: false)
    return both.starts(with: lead) ? Array(both[lead.count...]) : plain
  }
}
