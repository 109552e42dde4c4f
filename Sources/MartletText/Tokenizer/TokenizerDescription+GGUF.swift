extension TokenizerDescription {
  /// Spellings that end a turn in well-known chat formats, where they are control tokens.
  static let endOfTurnSpellings: Set<String> = [
    "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<end_of_turn>", "<|endoftext|>", "<|end|>", "<|end_of_text|>", "<EOT>",
    "<|return|>", "<|call|>", "<｜end▁of▁sentence｜>",
  ]

  package init(gguf metadata: GGUFTokenizerMetadata) throws(TokenizerError) {
    let tokens = metadata.tokens
    let isByteLevel = metadata.model == "gpt2"
    switch metadata.model {
    case "gpt2", "gemma4":
      guard let merges = metadata.merges else {
        throw TokenizerError(field: "tokenizer.ggml.merges", problem: "is missing")
      }
      let list = try MergeList(spaceSeparated: merges)
      if isByteLevel {
        let pre = try GGUFPreTokenizer(named: metadata.preTokenizer)
        self.init(model: .byteLevelBPE(merges: list, ignoreMerges: pre.ignoresMerges), tokens: tokens)
        splitters = pre.splitters
      } else {
        self.init(model: .sentencePieceBPE(scores: [], merges: list), tokens: tokens)
        readMarks(prefix: metadata.addsSpacePrefix ?? false)
        byteFallback = true
      }
    case "llama":
      self.init(model: .sentencePieceBPE(scores: metadata.scores, merges: nil), tokens: tokens)
      readMarks(prefix: metadata.addsSpacePrefix ?? true)
      byteFallback = true
    case "t5":
      self.init(model: .unigram(scores: metadata.scores), tokens: tokens)
      if let map = metadata.characterMap { normalizers.append(.mapped(try CharacterMap(map))) }
      if metadata.removesExtraSpaces ?? false {
        normalizers += [.whitespaceStripped(left: true, right: true), .patternReplaced(" {2,}", by: [0x20])]
      }
      readMarks(prefix: metadata.addsSpacePrefix ?? true)
    case let other:
      throw TokenizerError(
        field: "tokenizer.ggml.model", problem: "is \"\(other)\"; gpt2, llama, gemma4 and t5 are supported")
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
    // Byte-level vocabularies drop bytes that they lack.
    let unknown = try id(metadata.unknown, "tokenizer.ggml.unknown_token_id")
    if !isByteLevel { self.unknown = unknown }
    let addsBegin = metadata.addsBegin ?? GGUFPreTokenizer.addsBegin(metadata)
    if addsBegin, let begin { prefix = [begin] }
    if metadata.addsEnd ?? (metadata.model == "t5"), let end { suffix = [end] }
    for (index, type) in metadata.tokenTypes.prefix(tokens.count).enumerated() where type == 3 || type == 4 || type == 2
    {
      let spelling = tokens.string(index)
      guard !spelling.isEmpty else { continue }
      if type != 2 || !isByteLevel {
        added.append(AddedToken(id: Int32(index), content: spelling, special: type != 4))
      }
      if type != 4, Self.endOfTurnSpellings.contains(spelling) { endOfTurn.append(Int32(index)) }
    }
    for value in metadata.endOfTurn {
      if let token = try id(value, "tokenizer.ggml.eot_token_id") { endOfTurn.append(token) }
    }
  }

  private mutating func readMarks(prefix: Bool) {
    if prefix {
      normalizers.append(.prepended(SpaceMark.bytes))
      leadingSpace = .oneDropped
    }
    normalizers.append(.replaced([0x20], by: SpaceMark.bytes))
  }
}
