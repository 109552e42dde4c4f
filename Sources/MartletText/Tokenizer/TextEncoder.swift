/// Encodes normalised text between added tokens: cuts it into words and encodes each of them.
struct TextEncoder: Sendable {
  private enum Words: Sendable {
    case scanned(WordPattern)
    /// The whole text is one word, encoded in parts that cannot affect each other.
    case bounded(MarkBoundaries)
    case marked(SplitStep.Prepending, MarkBoundaries)
    case whole
    case split(TextSplitter)
  }

  private enum Encoder: Sendable {
    case byteLevel(ByteLevelEncoder)
    case sentencePiece(SentencePieceEncoder)
    case unigram(UnigramEncoder)
  }

  private let words: Words
  private let encoder: Encoder

  init(
    _ description: TokenizerDescription, spellings: SpellingTable, pieces: TokenList
  ) throws(TokenizerError) {
    var boundaries: MarkBoundaries?
    switch description.model {
    case .byteLevelBPE(let merges, let ignoreMerges):
      encoder = .byteLevel(
        ByteLevelEncoder(
          description, pieces: pieces, spellings: spellings, merges: merges, ignoreMerges: ignoreMerges))
    case .sentencePieceBPE(let scores, let merges):
      encoder = .sentencePiece(
        try SentencePieceEncoder(description, spellings: spellings, scores: scores, merges: merges))
      boundaries = MarkBoundaries(description.tokens, spellings: spellings)
    case .unigram(let scores):
      encoder = .unigram(try UnigramEncoder(description, spellings: spellings, scores: scores))
      boundaries = MarkBoundaries(description.tokens, spellings: spellings)
    }
    let steps = WordPattern.recognized(in: description.splitters)
    switch (steps.first, boundaries) {
    case (nil, nil): words = .whole
    case (nil, let boundaries?): words = .bounded(boundaries)
    case (.words(let pattern), _) where steps.count == 1: words = .scanned(pattern)
    case (.marked(let prepending, cutsWords: true), _) where steps.count == 1: words = .marked(prepending, .all)
    case (.marked(let prepending, cutsWords: false), let boundaries?) where steps.count == 1:
      words = .marked(prepending, boundaries)
    default: words = .split(try TextSplitter(steps))
    }
  }

  /// - Parameter isFirst: the text stands at the beginning.
  func encode(
    _ text: UnsafeBufferPointer<UInt8>, isFirst: Bool, _ cache: inout WordCache, into result: inout [Int32]
  ) {
    switch encoder {
    case .byteLevel(let encoder): unsafe encode(text, isFirst, encoder, &cache, into: &result)
    case .sentencePiece(let encoder): unsafe encode(text, isFirst, encoder, &cache, into: &result)
    case .unigram(let encoder): unsafe encode(text, isFirst, encoder, &cache, into: &result)
    }
  }

  private func encode(
    _ text: UnsafeBufferPointer<UInt8>, _ isFirst: Bool, _ encoder: some SubwordEncoder, _ cache: inout WordCache,
    into result: inout [Int32]
  ) {
    switch words {
    case .scanned(let pattern):
      unsafe WordScanner(text, end: text.count, pattern).forEachWord(from: 0) { start, end in
        unsafe cache.encode(text, start, end, by: encoder, into: &result)
      }
    case .bounded(let boundaries): unsafe encode(text, boundaries, encoder, &cache, into: &result)
    case .marked(let prepending, let boundaries):
      unsafe TextSplitter.marked(text, prepending, isFirst: isFirst).withUnsafeBufferPointer {
        unsafe encode($0, boundaries, encoder, &cache, into: &result)
      }
    case .whole: unsafe encoder.encode(text, into: &result)
    case .split(let splitter):
      let (bytes, pieces) = unsafe splitter.split(text, isFirst: isFirst)
      unsafe bytes.withUnsafeBufferPointer { bytes in
        for piece in pieces {
          unsafe cache.encode(bytes, piece.lowerBound, piece.upperBound, by: encoder, into: &result)
        }
      }
    }
  }

  private func encode(
    _ text: UnsafeBufferPointer<UInt8>, _ boundaries: MarkBoundaries, _ encoder: some SubwordEncoder,
    _ cache: inout WordCache, into result: inout [Int32]
  ) {
    var position = 0
    while position < text.count {
      let next = unsafe boundaries.next(text, from: position)
      unsafe cache.encode(text, position, next, by: encoder, into: &result)
      position = next
    }
  }
}
