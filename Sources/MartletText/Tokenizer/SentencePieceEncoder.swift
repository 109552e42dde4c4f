/// SentencePiece's byte-pair encoding: neighbouring pieces merge into the vocabulary's best-scoring piece.
struct SentencePieceEncoder: SubwordEncoder {
  /// U+2581, which stands for a space.
  static let spaceMark: [UInt8] = [0xE2, 0x96, 0x81]

  private let tokens: TokenList
  private let spellings: SpellingTable
  private let scores: [Float]
  private let merges: PairTable?
  private let byteTokens: [Int32]
  private let unknown: Int32?

  init(
    _ description: TokenizerDescription, spellings: SpellingTable, scores: [Float], merges list: TokenList?
  ) throws(TokenizerError) {
    guard list != nil || scores.count >= min(1, description.tokens.count) else {
      throw TokenizerError(field: "scores", problem: "are missing")
    }
    tokens = description.tokens
    self.spellings = spellings
    self.scores = scores
    unknown = description.unknown
    byteTokens = description.byteFallback ? Self.byteTokens(spellings) : []
    guard let list else {
      merges = nil
      return
    }
    var table = PairTable(capacity: list.count)
    for rank in 0..<list.count {
      guard let space = list[rank].dropFirst().firstIndex(of: 0x20) else {
        throw TokenizerError(field: "merges", problem: "entry \(rank) is not a pair")
      }
      let left = list[rank][list[rank].startIndex..<space], right = list[rank][(space + 1)...]
      guard let leftID = spellings.find(left), let rightID = spellings.find(right),
        let merged = spellings.find(Array(left) + Array(right))
      else { continue }
      table.insert(leftID, rightID, rank: Int32(rank), merged: merged)
    }
    merges = table
  }

  /// Ids of `<0x00>` to `<0xFF>`, -1 where absent.
  static func byteTokens(_ spellings: SpellingTable) -> [Int32] {
    (0..<256).map { byte in
      let hex = String(byte, radix: 16, uppercase: true)
      return spellings.find("<0x\(hex.count < 2 ? "0" : "")\(hex)>".utf8) ?? -1
    }
  }

  /// Each token's bytes in running text: marks become spaces, byte tokens their byte.
  static func pieces(_ description: TokenizerDescription) -> TokenList {
    var pieces = TokenList()
    let added = Set(description.added.map(\.id))
    for id in 0..<description.tokens.count {
      let spelling = description.tokens[id]
      if added.contains(Int32(id)) {
        pieces.append(spelling)
      } else if description.byteFallback, let byte = byteValue(spelling) {
        pieces.append([byte])
      } else {
        pieces.append(unmarked(spelling))
      }
    }
    return pieces
  }

  private static func byteValue(_ spelling: ArraySlice<UInt8>) -> UInt8? {
    guard spelling.count == 6, spelling.starts(with: "<0x".utf8), spelling.last == UInt8(ascii: ">") else { return nil }
    return UInt8(String(decoding: spelling.dropFirst(3).dropLast(), as: UTF8.self), radix: 16)
  }

  private static func unmarked(_ spelling: ArraySlice<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    var index = spelling.startIndex
    while index < spelling.endIndex {
      if spelling[index...].starts(with: spaceMark) {
        result.append(0x20)
        index += 3
      } else {
        result.append(spelling[index])
        index += 1
      }
    }
    return result
  }

  /// The text with marks for spaces, and one in front when `prefix`.
  static func normalized(_ text: Slice<UnsafeBufferPointer<UInt8>>, prefix: Bool) -> [UInt8] {
    var result: [UInt8] = []
    unsafe result.reserveCapacity(text.count + 16)
    if prefix { result += spaceMark }
    for index in unsafe text.indices {
      let byte = unsafe text[index]
      if byte == 0x20 { result += spaceMark } else { result.append(byte) }
    }
    return result
  }

  func encode(_ word: Slice<UnsafeBufferPointer<UInt8>>, into tokens: inout [Int32]) {
    encode(unsafe Array(word), into: &tokens)
  }

  func encode(_ word: [UInt8], into result: inout [Int32]) {
    // A character without a token takes a placeholder below -1 that no merge finds.
    var characters: [ArraySlice<UInt8>] = []
    var symbols: [Int32] = []
    var index = 0
    while index < word.count {
      let byte = word[index]
      let length = byte < 0x80 ? 1 : byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1
      let character = word[index..<min(word.count, index + length)]
      symbols.append(spellings.find(character) ?? -2 - Int32(characters.count))
      characters.append(character)
      index = character.endIndex
    }
    var queue = MergeQueue(tokens: symbols)
    let merged = queue.run { left, right in pair(left, right) }
    for token in merged {
      if token >= 0 { result.append(token) } else { fallBack(characters[Int(-2 - token)], into: &result) }
    }
  }

  private func pair(_ left: Int32, _ right: Int32) -> (priority: Float, merged: Int32)? {
    guard left >= 0, right >= 0 else { return nil }
    if let merges { return merges.find(left, right).map { (Float($0.rank), $0.merged) } }
    guard let merged = spellings.find(Array(tokens[Int(left)]) + Array(tokens[Int(right)])) else { return nil }
    return (Int(merged) < scores.count ? -scores[Int(merged)] : 0, merged)
  }

  private func fallBack(_ character: ArraySlice<UInt8>, into result: inout [Int32]) {
    let bytes = byteTokens.isEmpty ? [] : character.map { byteTokens[Int($0)] }
    if !bytes.isEmpty, bytes.allSatisfy({ $0 >= 0 }) {
      result += bytes
    } else if let unknown {
      result.append(unknown)
    }
  }
}
