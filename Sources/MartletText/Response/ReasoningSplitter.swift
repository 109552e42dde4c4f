/// Splits an answer into the reasoning at its beginning and the rest. A tag behind that stays what it is: text.
struct ReasoningSplitter: Sendable {
  /// Where the answer begins.
  enum Start: Sendable {
    /// An opening tag decides.
    case undecided
    /// The prompt has opened the reasoning, or the model always reasons.
    case reasoning
    case content
  }

  private enum State {
    case beginning(Start)
    case reasoning(isBeginning: Bool)
    /// Behind the closing tag: white space there belongs to it.
    case behind
    case content
  }

  private let openTags: TagSet
  private let ends: TagSet
  private let closeTags: Set<[UInt8]>
  private var state: State
  private(set) var spans = ReasoningSpans()

  init(_ format: ReasoningFormat, start: Start) {
    openTags = TagSet(format.openTags)
    ends = TagSet(format.closeTags + format.interrupters, newlines: 1)
    closeTags = Set(format.closeTags.map { Array($0.utf8) })
    if case .content = start { state = .content } else { state = .beginning(start) }
  }

  /// Consumes what is certain: reasoning goes to `output`, the rest to `content`.
  mutating func advance(_ input: inout ParseBuffer, _ output: inout DeltaWriter, content: (ArraySlice<UInt8>) -> Void) {
    while step(&input, &output, content) {}
  }

  private mutating func step(
    _ input: inout ParseBuffer, _ output: inout DeltaWriter, _ content: (ArraySlice<UInt8>) -> Void
  ) -> Bool {
    switch state {
    case .beginning(let start): return passBeginning(start, &input)
    case .reasoning(let isBeginning):
      if isBeginning {
        input.consume(input.skipWhitespace(from: 0))
        guard !input.isEmpty else { return false }
        state = .reasoning(isBeginning: false)
      }
      guard let place = ends.first(in: input) else {
        let certain = input.isComplete ? input.count : input.count - ends.undecided(in: input)
        output.reasoning(input.take(certain))
        return false
      }
      output.reasoning(input.take(place.start))
      let isClosing = closeTags.contains(place.tag)
      input.consume(isClosing ? place.length : place.length - place.tag.count)
      spans.end(at: input.position)
      state = isClosing ? .behind : .content
    case .behind:
      input.consume(input.skipWhitespace(from: 0))
      guard !input.isEmpty else { return false }
      state = .content
    case .content:
      content(input.take(input.count))
      return false
    }
    return true
  }

  private mutating func passBeginning(_ start: Start, _ input: inout ParseBuffer) -> Bool {
    let index = input.skipWhitespace(from: 0)
    var isUndecided = index == input.count
    for tag in openTags.tags {
      switch input.has(tag, at: index) {
      case true?:
        spans.begin(at: input.position)
        input.consume(index + tag.count)
        state = .reasoning(isBeginning: true)
        return true
      case nil: isUndecided = true
      case false?: continue
      }
    }
    if isUndecided, !input.isComplete { return false }
    if case .reasoning = start {
      spans.begin(at: input.position)
      state = .reasoning(isBeginning: true)
    } else {
      state = .content
    }
    return true
  }
}
