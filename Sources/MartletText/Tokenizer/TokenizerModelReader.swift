/// Reads the `model` of a `tokenizer.json`: the vocabulary and the merges straight into lists, the rest as a value.
struct TokenizerModelReader {
  private(set) var tokens = TokenList()
  /// Of a Unigram vocabulary.
  private(set) var scores: [Float] = []
  private(set) var merges: MergeList?
  private(set) var settings: [String: JSONValue] = [:]

  init(_ scanner: inout JSONScanner) throws(TokenizerError) {
    var tokens = TokenList()
    var scores: [Float] = []
    var merges: MergeList?
    var settings: [String: JSONValue] = [:]
    try scanner.forEachMember { scanner throws(TokenizerError) in
      switch try scanner.key() {
      case "vocab" where scanner.peek() == UInt8(ascii: "["):
        (tokens, scores) = try Self.scoredVocabulary(&scanner)
      case "vocab": tokens = try Self.vocabulary(&scanner)
      case "merges": merges = try Self.merges(&scanner)
      case let name: settings[name] = try Self.value(&scanner, name)
      }
    }
    self.tokens = tokens
    self.scores = scores
    self.merges = merges
    self.settings = settings
  }

  static func value(_ scanner: inout JSONScanner, _ name: String) throws(TokenizerError) -> JSONValue {
    let bytes = try scanner.skipValue()
    do { return try JSONValue(parsing: bytes) } catch {
      throw TokenizerError(field: name, problem: "is not JSON at its byte \(error.offset): \(error.message)")
    }
  }

  private static func vocabulary(_ scanner: inout JSONScanner) throws(TokenizerError) -> TokenList {
    var bytes: [UInt8] = []
    var ends: [Int] = [0]
    var ids: [Int] = []
    var isOrdered = true
    try scanner.forEachMember { scanner throws(TokenizerError) in
      try scanner.string(into: &bytes)
      try scanner.expect(UInt8(ascii: ":"))
      let id = try scanner.index()
      isOrdered = isOrdered && id == ids.count
      ids.append(id)
      ends.append(bytes.count)
    }
    if isOrdered { return try TokenList(bytes: bytes, offsets: ends) }
    let count = (ids.max() ?? -1) + 1
    guard count <= ids.count + 1 << 20 else {
      throw TokenizerError(field: "model.vocab", problem: "the id \(count - 1) is too large for \(ids.count) tokens")
    }
    var entries = [Int](repeating: -1, count: count)
    for (entry, id) in ids.enumerated() { entries[id] = entry }
    var list = TokenList()
    list.reserve(count: count, bytes: bytes.count)
    for entry in entries { list.append(entry < 0 ? [] : bytes[ends[entry]..<ends[entry + 1]]) }
    return list
  }

  private static func scoredVocabulary(_ scanner: inout JSONScanner) throws(TokenizerError) -> (TokenList, [Float]) {
    var bytes: [UInt8] = []
    var ends: [Int] = [0]
    var scores: [Float] = []
    try scanner.forEachElement { scanner throws(TokenizerError) in
      try scanner.expect(UInt8(ascii: "["))
      try scanner.string(into: &bytes)
      ends.append(bytes.count)
      try scanner.expect(UInt8(ascii: ","))
      scores.append(Float(try scanner.number()))
      try scanner.expect(UInt8(ascii: "]"))
    }
    return (try TokenList(bytes: bytes, offsets: ends), scores)
  }

  /// Entries are "left right" or, in newer files, ["left", "right"].
  private static func merges(_ scanner: inout JSONScanner) throws(TokenizerError) -> MergeList {
    var list = MergeList()
    list.reserve(1 << 16)
    var left: [UInt8] = []
    var right: [UInt8] = []
    try scanner.forEachElement { scanner throws(TokenizerError) in
      left.removeAll(keepingCapacity: true)
      guard scanner.take(UInt8(ascii: "[")) else {
        try scanner.string(into: &left)
        try list.append(spaceSeparated: left[...])
        return
      }
      right.removeAll(keepingCapacity: true)
      try scanner.string(into: &left)
      try scanner.expect(UInt8(ascii: ","))
      try scanner.string(into: &right)
      try scanner.expect(UInt8(ascii: "]"))
      list.append(left: left[...], right: right[...])
    }
    return list
  }
}
