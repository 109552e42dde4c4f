extension GGUFTokenizerMetadata {
  private static let names = [
    "gpt-2", "smollm", "llama-bpe", "qwen2", "qwen35", "glm4", "falcon", "deepseek-llm", "deepseek-coder",
    "deepseek-v3", "gpt-4o", "tekken", "kimi-k2", "seed-coder", "minicpm5",
  ]

  /// A tokenizer in GGUF's terms. Those have no flags for the whitespace around added tokens, and no Unicode
  /// normalisation of byte-level vocabularies.
  /// - Parameter vocabularySize: rows of the model's embedding; ids without a token become unused ones.
  /// - Throws: what GGUF cannot express.
  package init(_ description: TokenizerDescription, vocabularySize: Int) throws(TokenizerError) {
    self.init()
    var types: [Int32: Int32] = [:]
    switch description.model {
    case .byteLevelBPE(let merges, let ignoreMerges):
      model = "gpt2"
      preTokenizer = try Self.name(of: description.splitters, ignoreMerges: ignoreMerges)
      self.merges = merges.spaceSeparated
    case .sentencePieceBPE(let scores, let merges):
      model = "llama"
      let steps = try Self.marks(description.normalizers)
      guard description.splitters.isEmpty, description.byteFallback else {
        throw TokenizerError(field: "pre_tokenizer", problem: "has no counterpart in GGUF")
      }
      addsSpacePrefix = steps
      self.scores = merges.map { Self.scores($0, description.tokens) } ?? scores
      for id in 0..<description.tokens.count where description.tokens.string(id).hasPrefix("<0x") {
        if description.tokens.length(id) == 6 { types[Int32(id)] = 6 }
      }
    case .unigram: throw TokenizerError(field: "model", problem: "a Unigram vocabulary cannot be written to GGUF")
    }
    tokens = description.tokens
    for token in description.added.sorted(by: { $0.id < $1.id }) {
      while tokens.count < token.id { append(unused: tokens.count, &types) }
      if token.id == tokens.count { tokens.append(token.content.utf8) }
      types[token.id] = token.special ? 3 : 4
    }
    while tokens.count < vocabularySize { append(unused: tokens.count, &types) }
    if let unknown = description.unknown { types[unknown] = 2 }
    tokenTypes = (0..<Int32(tokens.count)).map { types[$0] ?? 1 }
    while !scores.isEmpty, scores.count < tokens.count { scores.append(-1e9) }
    begin = description.begin.map(Int.init)
    end = description.end.map(Int.init)
    unknown = description.unknown.map(Int.init)
    addsBegin = description.begin != nil && description.prefix.first == description.begin
    addsEnd = description.end != nil && description.suffix.first == description.end
    endOfTurn = description.endOfTurn.map(Int.init)
  }

  private mutating func append(unused id: Int, _ types: inout [Int32: Int32]) {
    tokens.append("[PAD\(id)]".utf8)
    types[Int32(id)] = 5
  }

  private static func name(of splitters: [SplitStep], ignoreMerges: Bool) throws(TokenizerError) -> String {
    let steps = WordPattern.recognized(in: splitters)
    for name in names {
      let known = try GGUFPreTokenizer(named: name)
      if known.splitters == steps, known.ignoresMerges == ignoreMerges { return name }
    }
    throw TokenizerError(field: "pre_tokenizer", problem: "is none of those that GGUF has names for")
  }

  /// Whether a mark is put in front of the text.
  private static func marks(_ steps: [NormalizationStep]) throws(TokenizerError) -> Bool {
    var rest = steps[...]
    var hasPrefix = false
    if case .prepended(SpaceMark.bytes)? = rest.first {
      hasPrefix = true
      rest = rest.dropFirst()
    }
    guard rest.count == 1, case .replaced([0x20], SpaceMark.bytes)? = rest.first else {
      throw TokenizerError(field: "normalizer", problem: "has no counterpart in GGUF")
    }
    return hasPrefix
  }

  /// The score of a token is the rank of its first merge, negated; what nothing merges to comes last.
  private static func scores(_ merges: MergeList, _ tokens: TokenList) -> [Float] {
    let spellings = SpellingTable(tokens)
    var scores = [Float](repeating: -1e9, count: tokens.count)
    for rank in (0..<merges.count).reversed() {
      if let id = spellings.find(merges.spellings[rank]) { scores[Int(id)] = -Float(rank) }
    }
    return scores
  }
}
