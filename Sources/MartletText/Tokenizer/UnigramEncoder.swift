/// Unigram segmentation (Kudo, 2018): the pieces with the best total score, by Viterbi's algorithm.
struct UnigramEncoder: SubwordEncoder {
  private let spellings: SpellingTable
  private let scores: [Float]
  private let longest: Int
  private let unknown: Int32?
  private let unknownScore: Float
  private let byteTokens: [Int32]

  init(_ description: TokenizerDescription, scores: [Float]) throws(TokenizerError) {
    guard scores.count <= description.tokens.count, !scores.isEmpty else {
      throw TokenizerError(field: "scores", problem: "do not fit the vocabulary")
    }
    spellings = SpellingTable(description.tokens)
    self.scores = scores
    longest = min(256, (0..<description.tokens.count).reduce(1) { max($0, description.tokens[$1].count) })
    unknown = description.unknown
    unknownScore = (scores.filter(\.isFinite).min() ?? 0) - 10
    byteTokens = description.byteFallback ? SentencePieceEncoder.byteTokens(spellings) : []
  }

  func encode(_ word: Slice<UnsafeBufferPointer<UInt8>>, into tokens: inout [Int32]) {
    encode(unsafe Array(word), into: &tokens)
  }

  func encode(_ word: [UInt8], into result: inout [Int32]) {
    let count = word.count
    var best = [(score: Float, from: Int, token: Int32)](repeating: (-.infinity, 0, -1), count: count + 1)
    best[0].score = 0
    for start in 0..<count where best[start].score > -.infinity && word[start] & 0xC0 != 0x80 {
      let byte = word[start]
      let single = min(count, start + (byte < 0x80 ? 1 : byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2))
      var hasSingle = false
      for end in (start + 1)...min(count, start + longest) where end == count || word[end] & 0xC0 != 0x80 {
        guard let token = spellings.find(word[start..<end]), Int(token) < scores.count, token != unknown else {
          continue
        }
        if end == single { hasSingle = true }
        let score = best[start].score + scores[Int(token)]
        if score > best[end].score { best[end] = (score, start, token) }
      }
      if !hasSingle, best[start].score + unknownScore > best[single].score {
        best[single] = (best[start].score + unknownScore, start, -1)
      }
    }
    var segments: [(range: Range<Int>, token: Int32)] = []
    var end = count
    while end > 0 {
      segments.append((best[end].from..<end, best[end].token))
      end = best[end].from
    }
    var lastUnknown = false
    for segment in segments.reversed() {
      if segment.token >= 0 {
        result.append(segment.token)
        lastUnknown = false
      } else if !byteTokens.isEmpty, word[segment.range].allSatisfy({ byteTokens[Int($0)] >= 0 }) {
        result += word[segment.range].map { byteTokens[Int($0)] }
        lastUnknown = false
      } else if let unknown, !lastUnknown {
        // Neighbouring unknown characters are one unknown token.
        result.append(unknown)
        lastUnknown = true
      }
    }
  }
}
