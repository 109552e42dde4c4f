/// A wire format with a tag for each parameter.
struct XMLCallGrammar: Sendable {
  /// Text that may begin calls.
  var openers: [String]
  /// From an opener to the first parameter; captures the name.
  var first: TextPattern
  /// The same for further calls; captures the name.
  var next: TextPattern?
  /// What stands in front of a value; captures the parameter's name, and then what says whether it is a string.
  var parameter: TextPattern
  /// What ends a value and belongs to it.
  var valueEnds: [String]
  /// What ends a value and does not belong to it.
  var valueStops: [String] = []
  /// What ends a call.
  var callEnds: [String]
  /// What may stand between calls.
  var separators: [String] = []
  /// What ends all calls.
  var closers: [String] = []
  var typing = ParameterValue.Typing.schema
  /// A call's arguments may be a JSON object in place of the tags.
  var takesJSON = false
}

/// Parses calls whose parameters have tags, into JSON arguments. Strings are passed on as they come, other values when
/// they have ended.
struct XMLCallParser: CallParser {
  private enum State {
    case content
    case parameters(count: Int)
    case text(count: Int, isBeginning: Bool)
    case value(key: String, isString: Bool?, count: Int)
    case json(JSONValueScanner)
    case between
  }

  private let grammar: XMLCallGrammar
  private let openers: TagSet
  private let valueEnds: TagSet
  private let callEnds: TextPattern
  private let separators: TextPattern?
  private let closers: TextPattern?
  private let tools: ToolDeclarations
  private var function = ""
  private var state = State.content
  /// How far the end of a long value has been looked for.
  private var searched = 0

  init(_ grammar: XMLCallGrammar, tools: ToolDeclarations) {
    self.grammar = grammar
    self.tools = tools
    openers = TagSet(grammar.openers, newlines: 2)
    valueEnds = TagSet(grammar.valueEnds + grammar.valueStops, newlines: 1)
    callEnds = TextPattern([.whitespace, .oneOf(grammar.callEnds)])
    separators = grammar.separators.isEmpty ? nil : TextPattern([.whitespace, .oneOf(grammar.separators)])
    closers = grammar.closers.isEmpty ? nil : TextPattern([.whitespace, .oneOf(grammar.closers)])
  }

  mutating func advance(_ input: inout ParseBuffer, _ output: inout DeltaWriter) {
    while step(&input, &output) {}
  }

  private mutating func step(_ input: inout ParseBuffer, _ output: inout DeltaWriter) -> Bool {
    switch state {
    case .content:
      guard let length = input.passContent(to: openers, &output) else { return false }
      return begin(grammar.first, from: input.leadingNewlines, &input, &output) { _, input, output in
        output.content(input.take(length))
      }
    case .parameters(let count): return passParameters(count, &input, &output)
    case .text(let count, let isBeginning): return passText(count, isBeginning, &input, &output)
    case .value(let key, let isString, let count):
      guard let place = valueEnds.first(in: input, from: searched) else {
        searched = valueEnds.searched(input)
        return finishValue(&input, &output)
      }
      searched = 0
      let bytes = Self.withoutFirstNewline(input.take(place.start))
      let types = isString.map { $0 ? [.string] : [] } ?? tools.types(of: key, in: function)
      output.arguments(ParameterValue.json(bytes, types: types))
      passEnd(place, &input)
      state = .parameters(count: count)
      return true
    case .json(var scanner):
      let ended = scanner.advance(&input) { output.arguments($0) }
      state = ended ? .between : .json(scanner)
      if ended { output.endCall() }
      return ended
    case .between: return passBetween(&input, &output)
    }
  }

  private mutating func begin(
    _ pattern: TextPattern?, from start: Int, _ input: inout ParseBuffer, _ output: inout DeltaWriter,
    otherwise: (inout Self, inout ParseBuffer, inout DeltaWriter) -> Void
  ) -> Bool {
    switch pattern?.match(input, from: start) {
    case .partial?: return false
    case .match(let result)?:
      function = result.captures.first ?? ""
      input.consume(result.length)
      output.beginCall(name: function)
      state = .parameters(count: 0)
    case .mismatch?, nil: otherwise(&self, &input, &output)
    }
    return true
  }

  private mutating func passParameters(_ count: Int, _ input: inout ParseBuffer, _ output: inout DeltaWriter) -> Bool {
    let isCallEnd = callEnds.match(input), isParameter = grammar.parameter.match(input)
    if case .match(let result) = isCallEnd {
      input.consume(result.length)
      return endCall(count, &output)
    }
    if case .match(let result) = isParameter, let key = result.captures.first {
      input.consume(result.length)
      output.arguments(count == 0 ? "{" : ", ")
      output.arguments(ParameterValue.quoted(key.utf8))
      output.arguments(": ")
      let isString = result.captures.count > 1 ? result.captures[1] == "true" : nil
      let types = tools.types(of: key, in: function)
      if isString ?? ParameterValue.isAlwaysString(types, grammar.typing) {
        output.arguments("\"")
        state = .text(count: count + 1, isBeginning: true)
      } else {
        state = .value(key: key, isString: isString, count: count + 1)
      }
      return true
    }
    if case .partial = isCallEnd { return false }
    if case .partial = isParameter { return false }
    let index = input.skipWhitespace(from: 0)
    if grammar.takesJSON, count == 0, input[index] == UInt8(ascii: "{") {
      input.consume(index)
      state = .json(JSONValueScanner())
      return true
    }
    // Cut off, the arguments stay open; in front of something else, the call ends with what it has.
    return index < input.count ? endCall(count, &output) : leaveText(&output)
  }

  private mutating func endCall(_ count: Int, _ output: inout DeltaWriter) -> Bool {
    output.arguments(count == 0 ? "{}" : "}")
    output.endCall()
    state = .between
    return true
  }

  private mutating func passText(
    _ count: Int, _ isBeginning: Bool, _ input: inout ParseBuffer, _ output: inout DeltaWriter
  ) -> Bool {
    if isBeginning {
      guard let first = input[0] else { return input.isComplete && leaveText(&output) }
      if first == 0x0A { input.consume(1) }
      state = .text(count: count, isBeginning: false)
    }
    if let place = valueEnds.first(in: input) {
      output.arguments(ParameterValue.escaped(input.take(place.start)))
      output.arguments("\"")
      passEnd(place, &input)
      state = .parameters(count: count)
      return true
    }
    let certain = input.isComplete ? input.count : input.count - valueEnds.undecided(in: input)
    output.arguments(ParameterValue.escaped(input.take(certain)))
    return input.isComplete && leaveText(&output)
  }

  /// The text was cut off: the arguments stay open, as a cut JSON text would be.
  private mutating func leaveText(_ output: inout DeltaWriter) -> Bool {
    output.endCall()
    state = .content
    return true
  }

  private mutating func finishValue(_ input: inout ParseBuffer, _ output: inout DeltaWriter) -> Bool {
    guard input.isComplete else { return false }
    output.arguments(Self.withoutFirstNewline(input.take(input.count)))
    output.endCall()
    state = .content
    return true
  }

  /// Consumes an end tag with its line break, unless it is the beginning of what follows.
  private func passEnd(_ place: TagSet.Place, _ input: inout ParseBuffer) {
    let isOwn = grammar.valueEnds.contains { Array($0.utf8) == place.tag }
    input.consume(isOwn ? place.length : place.length - place.tag.count)
  }

  private static func withoutFirstNewline(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    bytes.first == 0x0A ? bytes.dropFirst() : bytes
  }

  private mutating func passBetween(_ input: inout ParseBuffer, _ output: inout DeltaWriter) -> Bool {
    switch input.take(firstOf: [(closers, State.content), (separators, .between)]) {
    case .match(let next):
      state = next
      return true
    case .partial: return false
    case .mismatch: return begin(grammar.next, from: 0, &input, &output) { parser, _, _ in parser.state = .content }
    }
  }
}
