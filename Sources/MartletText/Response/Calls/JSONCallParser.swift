/// A wire format whose arguments are JSON.
struct JSONCallGrammar: Sendable {
  /// How a call begins, up to its arguments.
  enum Header: Sendable {
    /// The name is captured by the pattern, and an id by a second capture; the arguments follow.
    case named(TextPattern)
    /// A JSON object with the name and the arguments follows.
    case object(TextPattern)
  }

  /// Text that may begin calls.
  var openers: [String]
  /// What begins at an opener.
  var first: [Header]
  /// What may begin behind a call.
  var next: [Header] = []
  /// What may stand between calls, and what ends a call.
  var separators: [String] = []
  /// What ends all calls.
  var closers: [String] = []
  /// A call may begin the answer without an opener.
  var bare: Header?
  /// Takes a captured name apart: kimi writes `functions.NAME:INDEX`.
  var splitName: @Sendable (String) -> (name: String, id: String?) = { ($0, nil) }
}

/// Parses calls whose arguments are JSON; these are passed on as they come.
struct JSONCallParser: CallParser {
  private enum State {
    case beginning
    case content
    case arguments(JSONValueScanner, openObjects: Int)
    /// Behind the arguments of a call that is a JSON object, inside that object.
    case tail(JSONValueScanner?, openObjects: Int)
    case between
  }

  private let grammar: JSONCallGrammar
  private let openers: TagSet
  private let ends: TextPattern?
  private let closers: TextPattern?
  private let knownNames: Set<String>
  private var state: State

  init(_ grammar: JSONCallGrammar, tools: ToolDeclarations) {
    self.grammar = grammar
    openers = TagSet(grammar.openers, newlines: 2)
    ends = grammar.separators.isEmpty ? nil : TextPattern([.whitespace, .oneOf(grammar.separators)])
    closers = grammar.closers.isEmpty ? nil : TextPattern([.whitespace, .oneOf(grammar.closers)])
    knownNames = tools.names
    state = grammar.bare == nil ? .content : .beginning
  }

  mutating func advance(_ input: inout ParseBuffer, _ output: inout DeltaWriter) {
    while step(&input, &output) {}
  }

  /// False when there is nothing more to do with the text so far.
  private mutating func step(_ input: inout ParseBuffer, _ output: inout DeltaWriter) -> Bool {
    switch state {
    case .beginning:
      guard let bare = grammar.bare else { return false }
      return tryHeaders([bare], from: 0, &input, &output, isBare: true) { parser, _, _ in parser.state = .content }
    case .content:
      guard let length = input.passContent(to: openers, &output) else { return false }
      return tryHeaders(grammar.first, from: input.leadingNewlines, &input, &output) { _, input, output in
        output.content(input.take(length))
      }
    case .arguments(var scanner, let open):
      let ended = scanner.advance(&input) { output.arguments($0) }
      state = .arguments(scanner, openObjects: open)
      guard ended else { return false }
      output.endCall()
      state = open > 0 ? .tail(nil, openObjects: open) : .between
      return true
    case .tail(let scanner, let open): return skipTail(scanner, open, &input)
    case .between: return passBetween(&input, &output)
    }
  }

  /// Begins a call if one of the headers is there, and runs `otherwise` if none can be.
  private mutating func tryHeaders(
    _ headers: [JSONCallGrammar.Header], from start: Int, _ input: inout ParseBuffer, _ output: inout DeltaWriter,
    isBare: Bool = false, otherwise: (inout Self, inout ParseBuffer, inout DeltaWriter) -> Void
  ) -> Bool {
    var isUndecided = false
    for header in headers {
      switch match(header, input, from: start, isBare: isBare) {
      case .match(let found):
        begin(found, &input, &output)
        return true
      case .partial: isUndecided = true
      case .mismatch: continue
      }
    }
    if isUndecided { return false }
    otherwise(&self, &input, &output)
    return true
  }

  private func match(
    _ header: JSONCallGrammar.Header, _ input: ParseBuffer, from start: Int, isBare: Bool
  ) -> PatternMatch<JSONCallHeader.Found> {
    switch header {
    case .named(let pattern):
      switch pattern.match(input, from: start) {
      case .partial: return .partial
      case .mismatch: return .mismatch
      case .match(let result):
        let (name, id) = grammar.splitName(result.captures.first ?? "")
        guard !name.isEmpty else { return .mismatch }
        let written = result.captures.count > 1 ? result.captures[1] : id
        return .match(.init(name: name, id: written, length: result.length, openObjects: 0, arguments: nil))
      }
    case .object(let pattern):
      switch pattern.match(input, from: start) {
      case .partial: return .partial
      case .mismatch: return .mismatch
      case .match(let result):
        return JSONCallHeader(allowedNames: isBare ? knownNames : nil).match(input, from: result.length)
      }
    }
  }

  private mutating func begin(
    _ found: JSONCallHeader.Found, _ input: inout ParseBuffer, _ output: inout DeltaWriter
  ) {
    input.consume(found.length)
    output.beginCall(name: found.name, id: found.id)
    if let arguments = found.arguments {
      output.arguments(arguments)
      output.endCall()
      state = .between
    } else {
      state = .arguments(JSONValueScanner(), openObjects: found.openObjects)
    }
  }

  /// Drops further members up to the object's end.
  private mutating func skipTail(_ scanner: JSONValueScanner?, _ open: Int, _ input: inout ParseBuffer) -> Bool {
    if var scanner {
      let ended = scanner.advance(&input) { _ in }
      state = ended ? .between : .tail(scanner, openObjects: open)
      return ended
    }
    let index = input.skipWhitespace(from: 0)
    switch input[index] {
    case nil:
      if input.isComplete { state = .between }
      return input.isComplete
    case UInt8(ascii: "}")?:
      input.consume(index + 1)
      state = open > 1 ? .tail(nil, openObjects: open - 1) : .between
    case UInt8(ascii: ",")?: state = .tail(JSONValueScanner(depth: open), openObjects: open)
    default: state = .between
    }
    return true
  }

  private mutating func passBetween(_ input: inout ParseBuffer, _ output: inout DeltaWriter) -> Bool {
    switch input.take(firstOf: [(closers, State.content), (ends, .between)]) {
    case .match(let next):
      state = next
      return true
    case .partial: return false
    case .mismatch:
      return tryHeaders(grammar.next, from: 0, &input, &output) { parser, _, _ in parser.state = .content }
    }
  }
}
