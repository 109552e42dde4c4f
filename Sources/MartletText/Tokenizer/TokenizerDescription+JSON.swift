extension TokenizerDescription {
  /// Reads a Hugging Face `tokenizer.json`, with `tokenizer_config.json` for the special tokens' names.
  package init(tokenizerJSON: [UInt8], configurationJSON: [UInt8]?) throws(TokenizerError) {
    let root = try Self.parse(tokenizerJSON, field: "tokenizer.json")
    let configuration = try configurationJSON.map { bytes throws(TokenizerError) in
      try Self.parse(bytes, field: "tokenizer_config.json")
    }
    guard let model = root["model"] else { throw TokenizerError(field: "model", problem: "is missing") }
    let type = model["type"]?.stringValue ?? (model["merges"] == nil ? "Unigram" : "BPE")
    switch type {
    case "BPE":
      let merges = try Self.merges(model)
      let isByteLevel =
        Self.components(root["pre_tokenizer"]).contains { $0["type"]?.stringValue == "ByteLevel" }
        || Self.components(root["decoder"]).contains { $0["type"]?.stringValue == "ByteLevel" }
      self.init(
        model: isByteLevel
          ? .byteLevelBPE(merges: merges, ignoreMerges: model["ignore_merges"]?.boolValue ?? false)
          : .sentencePieceBPE(scores: [], merges: merges),
        tokens: try Self.vocabulary(model["vocab"]))
      byteFallback = model["byte_fallback"]?.boolValue ?? false
      unknown = model["unk_token"]?.stringValue.flatMap { name in
        (0..<tokens.count).first { tokens.string($0) == name }.map { Int32($0) }
      }
    case "Unigram":
      var list = TokenList()
      var scores: [Float] = []
      for (index, entry) in (model["vocab"]?.arrayValue ?? []).enumerated() {
        guard let pair = entry.arrayValue, pair.count == 2, let text = pair[0].stringValue,
          let score = pair[1].doubleValue
        else { throw TokenizerError(field: "model.vocab[\(index)]", problem: "is not a pair of text and score") }
        list.append(text.utf8)
        scores.append(Float(score))
      }
      self.init(model: .unigram(scores: scores), tokens: list)
      byteFallback = model["byte_fallback"]?.boolValue ?? false
      unknown = model["unk_id"]?.intValue.flatMap { Int32(exactly: $0) }
    default: throw TokenizerError(field: "model.type", problem: "is \"\(type)\"; BPE and Unigram are supported")
    }
    try readAdded(root)
    try readPreTokenizer(root)
    try readNormalizer(root)
    try readSpecial(root, configuration)
  }

  private static func parse(_ bytes: [UInt8], field: String) throws(TokenizerError) -> JSONValue {
    do { return try JSONValue(parsing: bytes) } catch {
      throw TokenizerError(field: field, problem: "is not JSON at byte \(error.offset): \(error.message)")
    }
  }

  /// A component and, for sequences, its parts.
  private static func components(_ value: JSONValue?) -> [JSONValue] {
    guard let value, !value.isNull else { return [] }
    for key in ["pretokenizers", "normalizers", "decoders", "processors"] {
      if let parts = value[key]?.arrayValue { return parts.flatMap { components($0) } }
    }
    return [value]
  }

  private static func vocabulary(_ value: JSONValue?) throws(TokenizerError) -> TokenList {
    guard let object = value?.objectValue else { throw TokenizerError(field: "model.vocab", problem: "is missing") }
    var spellings: [String?] = []
    for (text, id) in object.members {
      guard let id = id.intValue, (0..<(1 << 24)).contains(id) else {
        throw TokenizerError(field: "model.vocab", problem: "the id of \"\(text)\" is not usable")
      }
      while spellings.count <= id { spellings.append(nil) }
      spellings[id] = text
    }
    var list = TokenList()
    for spelling in spellings { list.append((spelling ?? "").utf8) }
    return list
  }

  private static func merges(_ model: JSONValue) throws(TokenizerError) -> TokenList {
    guard let merges = model["merges"]?.arrayValue else {
      throw TokenizerError(field: "model.merges", problem: "is missing")
    }
    var list = TokenList()
    for (index, merge) in merges.enumerated() {
      if let text = merge.stringValue {
        list.append(text.utf8)
      } else if let pair = merge.arrayValue, pair.count == 2, let left = pair[0].stringValue,
        let right = pair[1].stringValue
      {
        list.append((left + " " + right).utf8)
      } else {
        throw TokenizerError(field: "model.merges[\(index)]", problem: "is not a pair")
      }
    }
    return list
  }

  private mutating func readAdded(_ root: JSONValue) throws(TokenizerError) {
    for (index, entry) in (root["added_tokens"]?.arrayValue ?? []).enumerated() {
      guard let id = entry["id"]?.intValue, let exact = Int32(exactly: id), let content = entry["content"]?.stringValue
      else {
        throw TokenizerError(field: "added_tokens[\(index)]", problem: "has no id or content")
      }
      var token = AddedToken(id: exact, content: content, special: entry["special"]?.boolValue ?? false)
      token.leftStrip = entry["lstrip"]?.boolValue ?? false
      token.rightStrip = entry["rstrip"]?.boolValue ?? false
      token.singleWord = entry["single_word"]?.boolValue ?? false
      added.append(token)
      if token.special, Self.endOfTurnSpellings.contains(content) { endOfTurn.append(exact) }
    }
  }

  /// Patterns that have a scanner of their own.
  private static let gpt2Pattern = #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
  private static func llama3Pattern(_ digits: String) -> String {
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"# + digits
      + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  }

  private mutating func readPreTokenizer(_ root: JSONValue) throws(TokenizerError) {
    var patterns: [String] = []
    for (index, part) in Self.components(root["pre_tokenizer"]).enumerated() {
      let field = "pre_tokenizer[\(index)]"
      switch part["type"]?.stringValue {
      case "ByteLevel":
        if part["use_regex"]?.boolValue ?? true { patterns.append(Self.gpt2Pattern) }
        if part["add_prefix_space"]?.boolValue ?? false { addsDummyPrefix = true }
      case "Split":
        let behavior = part["behavior"]?.stringValue ?? "Isolated"
        guard behavior == "Isolated" || behavior == "Removed" && part["invert"]?.boolValue == true else {
          if case .sentencePieceBPE = model, behavior == "MergedWithPrevious" { continue }
          throw TokenizerError(field: field, problem: "Split with the behavior \(behavior) is not supported")
        }
        if let regex = part["pattern"]?["Regex"]?.stringValue {
          patterns.append(regex)
        } else if let text = part["pattern"]?["String"]?.stringValue {
          patterns.append(#"\Q"# + text.replacing(#"\E"#, with: #"\E\\E\Q"#) + #"\E"#)
        }
      case "Digits":
        patterns.append(part["individual_digits"]?.boolValue == true ? #"\p{N}"# : #"\p{N}+"#)
      case "Metaspace":
        addsDummyPrefix = part["prepend_scheme"]?.stringValue != "never" && part["add_prefix_space"]?.boolValue != false
      case let other:
        throw TokenizerError(field: field, problem: "\(other ?? "an entry without type") is not supported")
      }
    }
    switch patterns {
    case []: splitter = .none
    case [Self.gpt2Pattern]: splitter = .gpt2(individualDigits: false)
    case [#"\p{N}"#, Self.gpt2Pattern]: splitter = .gpt2(individualDigits: true)
    case [Self.llama3Pattern(#"\p{N}{1,3}"#)]: splitter = .llama3(maxDigits: 3)
    case [Self.llama3Pattern(#"\p{N}"#)]: splitter = .llama3(maxDigits: 1)
    default: splitter = .patterns(patterns)
    }
  }

  private mutating func readNormalizer(_ root: JSONValue) throws(TokenizerError) {
    for (index, part) in Self.components(root["normalizer"]).enumerated() {
      switch part["type"]?.stringValue {
      case "NFC": normalizesNFC = true
      case "Prepend": addsDummyPrefix = true
      case "Replace":
        // SentencePiece's mark for spaces is part of its encoder.
        guard part["pattern"]?["String"]?.stringValue == " ", part["content"]?.stringValue == "\u{2581}" else {
          throw TokenizerError(field: "normalizer[\(index)]", problem: "this replacement is not supported")
        }
      case let other:
        throw TokenizerError(
          field: "normalizer[\(index)]", problem: "\(other ?? "an entry without type") is not supported")
      }
    }
  }

  private mutating func readSpecial(_ root: JSONValue, _ configuration: JSONValue?) throws(TokenizerError) {
    func id(_ name: String) -> Int32? {
      let value = configuration?[name]
      guard let text = value?.stringValue ?? value?["content"]?.stringValue else { return nil }
      if let token = added.first(where: { $0.content == text }) { return token.id }
      return (0..<tokens.count).first { tokens.string($0) == text }.map { Int32($0) }
    }
    begin = id("bos_token")
    end = id("eos_token")
    addsBegin = configuration?["add_bos_token"]?.boolValue ?? false
    addsEnd = configuration?["add_eos_token"]?.boolValue ?? false
    // A template post-processor says what is really put around a single text.
    for part in Self.components(root["post_processor"]) where part["type"]?.stringValue == "TemplateProcessing" {
      let pieces = part["single"]?.arrayValue ?? []
      func special(_ piece: JSONValue?) -> Int32? {
        guard let name = piece?["SpecialToken"]?["id"]?.stringValue else { return nil }
        let ids = part["special_tokens"]?[name]?["ids"]?.arrayValue
        return ids?.first?.intValue.flatMap { Int32(exactly: $0) }
      }
      if let first = special(pieces.first) {
        begin = first
        addsBegin = true
      }
      if pieces.count > 1, let last = special(pieces.last) {
        end = end ?? last
        addsEnd = last == end
      }
    }
  }
}
