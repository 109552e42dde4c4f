/// Unigram segmentation (Kudo, 2018): the pieces with the best total score, by Viterbi's algorithm.
struct UnigramEncoder: SubwordEncoder {
  private struct Node {
    var score = -Double.infinity
    var from = 0
    var token: Int32 = -1
  }

  private let spellings: SpellingTable
  private let scores: [Float]
  private let longest: Int
  private let unknown: Int32?
  private let unknownScore: Double
  private let fallback: ByteFallback

  init(_ description: TokenizerDescription, spellings: SpellingTable, scores: [Float]) throws(TokenizerError) {
    guard scores.count <= description.tokens.count, !scores.isEmpty else {
      throw TokenizerError(field: "scores", problem: "do not fit the vocabulary")
    }
    self.spellings = spellings
    self.scores = scores
    longest = (0..<scores.count).reduce(1) { max($0, description.tokens.length($1)) }
    unknown = description.unknown
    // SentencePiece's penalty below the worst piece.
    unknownScore = Double(scores.filter(\.isFinite).min() ?? 0) - 10
    fallback = ByteFallback(description, spellings: spellings)
  }

  func encode(_ word: UnsafeBufferPointer<UInt8>, into result: inout [Int32]) {
    let best = unsafe bestPath(word)
    var segments: [(from: Int, to: Int, token: Int32)] = []
    var end = word.count
    while end > 0 {
      segments.append((best[end].from, end, best[end].token))
      end = best[end].from
    }
    var afterUnknown = false
    for segment in segments.reversed() {
      if segment.token >= 0 {
        result.append(segment.token)
        afterUnknown = false
      } else {
        afterUnknown = unsafe fallback.encode(
          UnsafeBufferPointer(rebasing: word[segment.from..<segment.to]), afterUnknown: afterUnknown, into: &result)
      }
    }
  }

  private func bestPath(_ word: UnsafeBufferPointer<UInt8>) -> [Node] {
    let count = word.count
    var best = [Node](repeating: Node(), count: count + 1)
    best[0].score = 0
    for start in 0..<count where best[start].score > -.infinity {
      let single = unsafe min(count, start + UTF8Length.of(word[start]))
      var hasSingle = false
      var end = single
      while end - start <= longest {
        if let token = unsafe spellings.find(UnsafeBufferPointer(rebasing: word[start..<end])),
          Int(token) < scores.count, token != unknown
        {
          if end == single { hasSingle = true }
          let score = best[start].score + Double(scores[Int(token)])
          if score > best[end].score { best[end] = Node(score: score, from: start, token: token) }
        }
        guard end < count else { break }
        end = unsafe min(count, end + UTF8Length.of(word[end]))
      }
      if !hasSingle, best[start].score + unknownScore > best[single].score {
        best[single] = Node(score: best[start].score + unknownScore, from: start, token: -1)
      }
    }
    return best
  }
}
