/// Parses gpt-oss answers: messages with channels, of which `analysis` is reasoning, one with a recipient is a call, and
/// any other is content. An answer begins behind `<|start|>assistant`.
struct HarmonyParser: Sendable {
  private enum Kind {
    case content, reasoning, call
  }

  private enum State {
    /// At the beginning, where a recipient may stand in front of the channel.
    case beginning
    case outside
    case body(Kind, isEmpty: Bool)
  }

  static let markers = [
    "<|start|>", "<|channel|>", "<|message|>", "<|constrain|>", "<|end|>", "<|call|>", "<|return|>",
  ]
  private static let openers = TagSet(["<|start|>", "<|channel|>"])
  private static let ends = TagSet(["<|end|>", "<|call|>", "<|return|>", "<|start|>", "<|channel|>"])
  private static let header = TextPattern([.text(until: "<|message|>"), .literal("<|message|>")])
  private static let recipient = TextPattern([.whitespace, .literal("to="), .text(until: "<|message|>")])

  private var state = State.beginning
  private(set) var spans = ReasoningSpans()

  mutating func advance(_ input: inout ParseBuffer, _ output: inout DeltaWriter) {
    while step(&input, &output) {}
  }

  private mutating func step(_ input: inout ParseBuffer, _ output: inout DeltaWriter) -> Bool {
    switch state {
    case .beginning:
      switch Self.recipient.match(input) {
      case .partial: return false
      case .match: return begin(&input, &output)
      case .mismatch:
        state = .outside
        return true
      }
    case .outside:
      guard let length = input.passContent(to: Self.openers, &output) else { return false }
      switch Self.header.match(input) {
      case .partial: return false
      case .match: return begin(&input, &output)
      case .mismatch:
        output.content(input.take(length))
        return true
      }
    case .body(let kind, let isEmpty): return passBody(kind, isEmpty, &input, &output)
    }
  }

  private mutating func begin(_ input: inout ParseBuffer, _ output: inout DeltaWriter) -> Bool {
    guard case .match(let result) = Self.header.match(input), let header = result.captures.first else { return false }
    let start = input.position
    input.consume(result.length)
    if let recipient = Self.word(in: header, after: "to="), !["user", "assistant", "all"].contains(recipient) {
      output.beginCall(name: recipient.hasPrefix("functions.") ? String(recipient.dropFirst(10)) : recipient)
      state = .body(.call, isEmpty: true)
    } else if Self.word(in: header, after: "<|channel|>") == "analysis" {
      spans.begin(at: start)
      state = .body(.reasoning, isEmpty: true)
    } else {
      state = .body(.content, isEmpty: true)
    }
    return true
  }

  private mutating func passBody(
    _ kind: Kind, _ isEmpty: Bool, _ input: inout ParseBuffer, _ output: inout DeltaWriter
  ) -> Bool {
    let place = Self.ends.first(in: input)
    let certain = place?.start ?? (input.isComplete ? input.count : input.count - Self.ends.undecided(in: input))
    let text = input.take(certain)
    switch kind {
    case .content: output.content(text)
    case .reasoning: output.reasoning(text)
    case .call: output.arguments(text)
    }
    state = .body(kind, isEmpty: isEmpty && text.isEmpty)
    guard let place else { return false }
    let isNext = Self.openers.tags.contains(place.tag)
    if !isNext { input.consume(place.tag.count) }
    if kind == .reasoning { spans.end(at: input.position) }
    if kind == .call {
      if isEmpty && text.isEmpty { output.arguments("{}") }
      output.endCall()
    }
    state = .outside
    return true
  }

  /// The word behind the first `mark`.
  private static func word(in header: String, after mark: String) -> String? {
    var rest = header[...]
    while !rest.isEmpty, !rest.hasPrefix(mark) { rest.removeFirst() }
    guard !rest.isEmpty else { return nil }
    let word = rest.dropFirst(mark.count).prefix { !$0.isWhitespace && $0 != "<" }
    return word.isEmpty ? nil : String(word)
  }
}
