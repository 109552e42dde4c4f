/// Cuts normalised text into words by any list of steps. The tokenizer has shorter ways for the usual lists.
struct TextSplitter: Sendable {
  private let steps: [SplitStep]
  /// The compiled expression of each step that has one.
  private let patterns: [PatternSplitter?]

  init(_ steps: [SplitStep]) throws(TokenizerError) {
    self.steps = steps
    var patterns: [PatternSplitter?] = []
    for step in steps {
      switch step {
      case .pattern(let pattern, _, _): patterns.append(try PatternSplitter(pattern))
      case .words, .spacePrefixed, .marked: patterns.append(nil)
      }
    }
    self.patterns = patterns
  }

  /// The words in order: ranges of the returned bytes.
  /// - Parameter isFirst: the text stands at the beginning.
  func split(_ text: UnsafeBufferPointer<UInt8>, isFirst: Bool) -> (bytes: [UInt8], pieces: [Range<Int>]) {
    var bytes = unsafe Array(text)
    var pieces = bytes.isEmpty ? [] : [0..<bytes.count]
    for (step, pattern) in zip(steps, patterns) {
      switch step {
      case .words(let words):
        unsafe bytes.withUnsafeBufferPointer { text in
          pieces = pieces.flatMap { unsafe Self.words(words, text, $0) }
        }
      case .pattern(_, let behavior, let inverted):
        guard let pattern else { continue }
        unsafe bytes.withUnsafeBufferPointer { text in
          pieces = pieces.flatMap { unsafe pattern.pieces(text, $0, behavior, inverted: inverted) }
        }
      case .spacePrefixed:
        (bytes, pieces) = Self.rewritten(bytes, pieces) { piece, _ in
          piece.first == 0x20 ? Array(piece) : [0x20] + piece
        }
      case .marked(let prepending, let cutsWords):
        (bytes, pieces) = Self.rewritten(bytes, pieces) { piece, index in
          unsafe piece.withUnsafeBufferPointer {
            unsafe Self.marked($0, prepending, isFirst: isFirst && index == 0)
          }
        }
        guard cutsWords else { continue }
        unsafe bytes.withUnsafeBufferPointer { text in
          pieces = pieces.flatMap { unsafe Self.cutAtMarks(text, $0) }
        }
      }
    }
    return (bytes, pieces)
  }

  static func marked(
    _ text: UnsafeBufferPointer<UInt8>, _ prepending: SplitStep.Prepending, isFirst: Bool
  ) -> [UInt8] {
    let hasMark = unsafe text.first == 0x20 || text.starts(with: SpaceMark.bytes)
    let prepends = prepending == .always || prepending == .first && isFirst
    return unsafe TextNormalizer.marked(text, front: prepends && !hasMark && !text.isEmpty)
  }

  private static func rewritten(
    _ bytes: [UInt8], _ pieces: [Range<Int>], _ rewrite: (ArraySlice<UInt8>, Int) -> [UInt8]
  ) -> ([UInt8], [Range<Int>]) {
    var result: [UInt8] = []
    var ranges: [Range<Int>] = []
    for (index, piece) in pieces.enumerated() {
      let start = result.count
      result += rewrite(bytes[piece], index)
      ranges.append(start..<result.count)
    }
    return (result, ranges)
  }

  private static func words(
    _ pattern: WordPattern, _ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>
  ) -> [Range<Int>] {
    var result: [Range<Int>] = []
    unsafe WordScanner(text, end: range.upperBound, pattern).forEachWord(from: range.lowerBound) { start, end in
      result.append(start..<end)
    }
    return result
  }

  private static func cutAtMarks(_ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> [Range<Int>] {
    var result: [Range<Int>] = []
    let part = unsafe UnsafeBufferPointer(rebasing: text[range])
    var position = 0
    while position < part.count {
      let next = unsafe MarkBoundaries.all.next(part, from: position)
      result.append(range.lowerBound + position..<range.lowerBound + next)
      position = next
    }
    return result
  }
}
