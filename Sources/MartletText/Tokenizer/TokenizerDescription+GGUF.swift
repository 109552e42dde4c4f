extension TokenizerDescription {
  /// Spellings that end a turn in well-known chat formats, where they are control tokens.
  static let endOfTurnSpellings: Set<String> = [
    "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<end_of_turn>", "<|endoftext|>", "<|end|>", "<|end_of_text|>", "<EOT>",
    "<|return|>", "<|call|>", "<｜end▁of▁sentence｜>",
  ]

  package init(gguf metadata: GGUFTokenizerMetadata) throws(TokenizerError) {
    let tokens = metadata.tokens
    switch metadata.model {
    case "gpt2":
      guard let merges = metadata.merges else {
        throw TokenizerError(field: "tokenizer.ggml.merges", problem: "is missing")
      }
      self.init(
        model: .byteLevelBPE(merges: merges, ignoreMerges: metadata.preTokenizer == "llama-bpe"), tokens: tokens)
      splitter = try Self.splitter(named: metadata.preTokenizer)
    case "llama":
      self.init(model: .sentencePieceBPE(scores: metadata.scores, merges: nil), tokens: tokens)
      addsDummyPrefix = metadata.addsSpacePrefix ?? true
      byteFallback = true
    case "t5":
      self.init(model: .unigram(scores: metadata.scores), tokens: tokens)
      addsDummyPrefix = metadata.addsSpacePrefix ?? true
    case let other:
      throw TokenizerError(field: "tokenizer.ggml.model", problem: "is \"\(other)\"; gpt2, llama and t5 are supported")
    }
    func id(_ value: Int?, _ field: String) throws(TokenizerError) -> Int32? {
      guard let value else { return nil }
      guard (0..<tokens.count).contains(value) else {
        throw TokenizerError(field: field, problem: "is \(value), outside the vocabulary of \(tokens.count)")
      }
      return Int32(value)
    }
    begin = try id(metadata.begin, "tokenizer.ggml.bos_token_id")
    end = try id(metadata.end, "tokenizer.ggml.eos_token_id")
    unknown = try id(metadata.unknown, "tokenizer.ggml.unknown_token_id")
    let isSentencePiece = metadata.model != "gpt2"
    addsBegin = metadata.addsBegin ?? (isSentencePiece || metadata.preTokenizer == "llama-bpe")
    addsEnd = metadata.addsEnd ?? false
    for (index, type) in metadata.tokenTypes.prefix(tokens.count).enumerated() where type == 3 || type == 4 || type == 2
    {
      let spelling = tokens.string(index)
      guard !spelling.isEmpty else { continue }
      if type != 2 || isSentencePiece {
        added.append(AddedToken(id: Int32(index), content: spelling, special: type != 4))
      }
      if type != 4, Self.endOfTurnSpellings.contains(spelling) { endOfTurn.append(Int32(index)) }
    }
    for value in metadata.endOfTurn {
      if let token = try id(value, "tokenizer.ggml.eot_token_id") { endOfTurn.append(token) }
    }
  }

  /// The word pattern of a GGUF `tokenizer.ggml.pre`.
  static func splitter(named name: String) throws(TokenizerError) -> TextSplitter {
    switch name {
    case "gpt-2", "gpt2", "phi-2", "default", "mpt", "olmo", "jina-v2-en", "jina-v2-es", "jina-v2-de":
      .gpt2(individualDigits: false)
    case "smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b":
      .gpt2(individualDigits: true)
    case "llama-bpe", "llama3", "llama-v3", "falcon3", "pixtral", "dbrx", "smaug-bpe": .llama3(maxDigits: 3)
    case "qwen2", "deepseek-r1-qwen", "stablelm2", "megrez", "qwen35": .llama3(maxDigits: 1)
    default:
      throw TokenizerError(
        field: "tokenizer.ggml.pre", problem: "\"\(name)\" is not known; give --tokenizer-path a tokenizer.json")
    }
  }
}
