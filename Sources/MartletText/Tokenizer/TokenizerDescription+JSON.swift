extension TokenizerDescription {
  /// Reads a Hugging Face `tokenizer.json`, with `tokenizer_config.json` for the special tokens' names.
  /// - Complexity: O(bytes).
  package init(tokenizerJSON: [UInt8], configurationJSON: [UInt8]?) throws(TokenizerError) {
    var model: TokenizerModelReader?
    var members: [String: JSONValue] = [:]
    try unsafe tokenizerJSON.withUnsafeBufferPointer { bytes throws(TokenizerError) in
      var scanner = unsafe JSONScanner(bytes)
      try scanner.forEachMember { scanner throws(TokenizerError) in
        switch try scanner.key() {
        case "model": model = try TokenizerModelReader(&scanner)
        case let name: members[name] = try TokenizerModelReader.value(&scanner, name)
        }
      }
      try scanner.expectEnd()
    }
    guard let model else { throw TokenizerError(field: "model", problem: "is missing") }
    let pipeline = TokenizerPipelineReader(members)
    try self.init(model, isByteLevel: try pipeline.isByteLevel())
    normalizers = try pipeline.normalizers()
    splitters = try pipeline.splitters(after: normalizers)
    leadingSpace = try pipeline.leadingSpace()
    if case .byteLevelBPE = self.model {} else if !pipeline.hasDecoder { leadingSpace = .kept }
    try readAdded(members["added_tokens"])
    (prefix, suffix) = try pipeline.template { spelling in self.id(spelling) }
    try readSpecial(configurationJSON, hasTemplate: pipeline.hasTemplate)
  }

  private init(_ reader: TokenizerModelReader, isByteLevel: Bool) throws(TokenizerError) {
    let settings = reader.settings
    let type = settings["type"]?.stringValue ?? (reader.merges == nil ? "Unigram" : "BPE")
    switch type {
    case "BPE":
      guard let merges = reader.merges else { throw TokenizerError(field: "model.merges", problem: "is missing") }
      for key in ["continuing_subword_prefix", "end_of_word_suffix"]
      where !(settings[key]?.stringValue ?? "").isEmpty {
        throw TokenizerError(field: "model.\(key)", problem: "is not supported")
      }
      let ignoreMerges = settings["ignore_merges"]?.boolValue ?? false
      guard isByteLevel || !ignoreMerges else {
        throw TokenizerError(field: "model.ignore_merges", problem: "is only supported with byte-level vocabularies")
      }
      self.init(
        model: isByteLevel
          ? .byteLevelBPE(merges: merges, ignoreMerges: ignoreMerges) : .sentencePieceBPE(scores: [], merges: merges),
        tokens: reader.tokens)
      fusesUnknown = settings["fuse_unk"]?.boolValue ?? false
      if let name = settings["unk_token"]?.stringValue { unknown = id(name) }
    case "Unigram":
      self.init(model: .unigram(scores: reader.scores), tokens: reader.tokens)
      if let id = settings["unk_id"]?.intValue {
        guard (0..<tokens.count).contains(id) else {
          throw TokenizerError(field: "model.unk_id", problem: "is \(id), outside the vocabulary of \(tokens.count)")
        }
        unknown = Int32(id)
      }
    default: throw TokenizerError(field: "model.type", problem: "is \"\(type)\"; BPE and Unigram are supported")
    }
    byteFallback = settings["byte_fallback"]?.boolValue ?? false
  }

  /// The token with this spelling.
  private func id(_ spelling: String) -> Int32? {
    if let token = added.first(where: { $0.content == spelling }) { return token.id }
    let bytes = Array(spelling.utf8)
    return (0..<tokens.count).first { tokens.length($0) == bytes.count && tokens[$0].elementsEqual(bytes) }
      .map { Int32($0) }
  }

  private mutating func readAdded(_ value: JSONValue?) throws(TokenizerError) {
    for (index, entry) in (value?.arrayValue ?? []).enumerated() {
      guard let id = entry["id"]?.intValue, let exact = Int32(exactly: id), let content = entry["content"]?.stringValue
      else { throw TokenizerError(field: "added_tokens[\(index)]", problem: "has no id or content") }
      guard !content.isEmpty else { continue }
      var token = AddedToken(id: exact, content: content, special: entry["special"]?.boolValue ?? false)
      token.leftStrip = entry["lstrip"]?.boolValue ?? false
      token.rightStrip = entry["rstrip"]?.boolValue ?? false
      token.singleWord = entry["single_word"]?.boolValue ?? false
      token.normalized = entry["normalized"]?.boolValue ?? !token.special
      added.append(token)
      if token.special, Self.endOfTurnSpellings.contains(content) { endOfTurn.append(exact) }
    }
  }

  /// A template says what is put around a text; without one, the configuration's flags do.
  private mutating func readSpecial(_ json: [UInt8]?, hasTemplate: Bool) throws(TokenizerError) {
    var configuration: JSONValue?
    if let json {
      do { configuration = try JSONValue(parsing: json) } catch {
        throw TokenizerError(
          field: "tokenizer_config.json", problem: "is not JSON at byte \(error.offset): \(error.message)")
      }
    }
    func named(_ name: String) -> Int32? {
      let value = configuration?[name]
      return (value?.stringValue ?? value?["content"]?.stringValue).flatMap { id($0) }
    }
    begin = named("bos_token") ?? prefix.first
    end = named("eos_token") ?? suffix.last
    guard !hasTemplate else { return }
    if configuration?["add_bos_token"]?.boolValue ?? false, let begin { prefix = [begin] }
    if configuration?["add_eos_token"]?.boolValue ?? false, let end { suffix = [end] }
  }
}
