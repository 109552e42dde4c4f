/// A wire format of Python calls: `[f(a=1), g(b="x")]`.
struct PythonCallGrammar: Sendable {
  /// Text that may begin calls, the list's bracket included if there is one.
  var openers: [String]
  /// What may stand between calls.
  var separators = [",", ";"]
  /// What ends all calls.
  var closers: [String]
  /// Text in front of a name, such as a module.
  var prefixes: [String] = []
  /// Only functions that the request offers can be called, because the opener is ordinary text.
  var needsKnownName = true
}

/// Parses Python calls with keyword arguments; literals become JSON as they come.
struct PythonCallParser: CallParser {
  private enum State {
    case content
    case keyword(count: Int)
    case value(PythonLiteralWriter, count: Int)
    case between
  }

  private let grammar: PythonCallGrammar
  private let openers: TagSet
  private let separators: TextPattern
  private let closers: TextPattern
  private let names: Set<String>
  private var state = State.content

  private static let keyword = TextPattern([.whitespace, .name, .whitespace, .literal("=")])
  private static let end = TextPattern([.whitespace, .literal(")")])
  private static let comma = TextPattern([.whitespace, .literal(",")])

  init(_ grammar: PythonCallGrammar, tools: ToolDeclarations) {
    self.grammar = grammar
    names = tools.names
    openers = TagSet(grammar.openers, newlines: 2)
    separators = TextPattern([.whitespace, .oneOf(grammar.separators)])
    closers = TextPattern([.whitespace, .oneOf(grammar.closers)])
  }

  mutating func advance(_ input: inout ParseBuffer, _ output: inout DeltaWriter) {
    while step(&input, &output) {}
  }

  private mutating func step(_ input: inout ParseBuffer, _ output: inout DeltaWriter) -> Bool {
    switch state {
    case .content:
      guard let length = input.passContent(to: openers, &output) else { return false }
      switch call(input, from: length) {
      case .partial: return false
      case .match(let found): begin(found, &input, &output)
      case .mismatch: output.content(input.take(length))
      }
    case .keyword(let count): return passKeyword(count, &input, &output)
    case .value(var writer, let count):
      let ended = writer.advance(&input) { output.arguments($0) }
      state = .value(writer, count: count)
      guard ended else { return input.isComplete && leaveCall(&output) }
      if case .match(let comma) = Self.comma.match(input) { input.consume(comma.length) }
      state = .keyword(count: count)
    case .between: return passBetween(&input, &output)
    }
    return true
  }

  /// A name and its opening bracket, and a look at what follows: a keyword or the end.
  private func call(_ input: ParseBuffer, from start: Int) -> PatternMatch<TextPattern.Result> {
    let prefixes = grammar.prefixes.map { TextPattern.Part.optional($0) }
    let head = TextPattern([.whitespace] + prefixes + [.name, .whitespace, .literal("(")])
    switch head.match(input, from: start) {
    case .partial: return couldBeName(input, from: start) ? .partial : .mismatch
    case .mismatch: return .mismatch
    case .match(let result):
      guard let name = result.captures.first, !grammar.needsKnownName || names.contains(name) else { return .mismatch }
      let keyword = Self.keyword.match(input, from: result.length), end = Self.end.match(input, from: result.length)
      if case .match = keyword { return .match(result) }
      if case .match = end { return .match(result) }
      if case .partial = keyword { return .partial }
      if case .partial = end { return .partial }
      return .mismatch
    }
  }

  /// Whether the text could still become a known name, so that ordinary brackets do not hold the answer back.
  private func couldBeName(_ input: ParseBuffer, from start: Int) -> Bool {
    guard grammar.needsKnownName else { return true }
    let rest = input.slice(input.skipWhitespace(from: start)..<input.count).prefix { !$0.isWhitespace }
    return (names.map { Array($0.utf8) } + grammar.prefixes.map { Array($0.utf8) })
      .contains { $0.starts(with: rest) || rest.starts(with: $0) }
  }

  private mutating func begin(_ found: TextPattern.Result, _ input: inout ParseBuffer, _ output: inout DeltaWriter) {
    input.consume(found.length)
    output.beginCall(name: found.captures.first ?? "")
    state = .keyword(count: 0)
  }

  private mutating func passKeyword(_ count: Int, _ input: inout ParseBuffer, _ output: inout DeltaWriter) -> Bool {
    let keyword = Self.keyword.match(input), end = Self.end.match(input)
    if case .match(let result) = keyword, let name = result.captures.first {
      input.consume(result.length)
      output.arguments(count == 0 ? "{" : ", ")
      output.arguments(ParameterValue.quoted(name.utf8))
      output.arguments(": ")
      state = .value(PythonLiteralWriter(), count: count + 1)
      return true
    }
    if case .match(let result) = end {
      input.consume(result.length)
    } else {
      if case .partial = keyword { return false }
      if case .partial = end { return false }
      if input.skipWhitespace(from: 0) == input.count { return leaveCall(&output) }
    }
    output.arguments(count == 0 ? "{}" : "}")
    output.endCall()
    state = .between
    return true
  }

  /// The text was cut off: the arguments stay open, as a cut JSON text would be.
  private mutating func leaveCall(_ output: inout DeltaWriter) -> Bool {
    output.endCall()
    state = .content
    return true
  }

  private mutating func passBetween(_ input: inout ParseBuffer, _ output: inout DeltaWriter) -> Bool {
    switch input.take(firstOf: [(closers, State.content), (separators, .between)]) {
    case .match(let next):
      state = next
      return true
    case .partial: return false
    case .mismatch: break
    }
    switch call(input, from: 0) {
    case .partial: return false
    case .match(let found): begin(found, &input, &output)
    case .mismatch: state = .content
    }
    return true
  }
}
