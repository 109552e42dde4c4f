/// A wire format whose arguments are JSON with bare keys and with strings between tags of their own:
/// `call:f{city:<escape>Rome<escape>,days:3}`.
struct GemmaCallGrammar: Sendable {
  var openers: [String]
  /// From the opener to the arguments' brace; captures the name.
  var header: TextPattern
  /// What stands on both sides of a string.
  var quote: String
  var closers: [String]
}

/// Parses Gemma's calls into JSON arguments, as they come.
struct GemmaCallParser: CallParser {
  private enum State {
    case content
    case arguments
    case string
    case between
  }

  private let grammar: GemmaCallGrammar
  private let openers: TagSet
  private let quote: TagSet
  private let closers: TextPattern
  private var state = State.content
  /// The brackets that are open.
  private var open: [UInt8] = []
  private var expectsKey = false

  private static let longestKey = 512

  init(_ grammar: GemmaCallGrammar) {
    self.grammar = grammar
    openers = TagSet(grammar.openers, newlines: 2)
    quote = TagSet([grammar.quote])
    closers = TextPattern([.whitespace, .oneOf(grammar.closers)])
  }

  mutating func advance(_ input: inout ParseBuffer, _ output: inout DeltaWriter) {
    while step(&input, &output) {}
  }

  private mutating func step(_ input: inout ParseBuffer, _ output: inout DeltaWriter) -> Bool {
    switch state {
    case .content:
      guard let length = input.passContent(to: openers, &output) else { return false }
      switch grammar.header.match(input, from: input.leadingNewlines) {
      case .partial: return false
      case .mismatch: output.content(input.take(length))
      case .match(let result):
        input.consume(result.length)
        output.beginCall(name: result.captures.first ?? "")
        open = []
        push(UInt8(ascii: "{"), &output)
        state = .arguments
      }
    case .arguments: return passArgument(&input, &output)
    case .string:
      guard let place = quote.first(in: input) else {
        let certain = input.isComplete ? input.count : input.count - quote.undecided(in: input)
        output.arguments(ParameterValue.escaped(input.take(certain)))
        return false
      }
      output.arguments(ParameterValue.escaped(input.take(place.start)))
      output.arguments("\"")
      input.consume(place.length)
      state = .arguments
    case .between:
      switch closers.match(input) {
      case .partial: return false
      case .match(let result): input.consume(result.length)
      case .mismatch: break
      }
      state = .content
    }
    return true
  }

  private mutating func push(_ bracket: UInt8, _ output: inout DeltaWriter) {
    open.append(bracket)
    expectsKey = bracket == UInt8(ascii: "{")
    output.arguments([bracket])
  }

  /// Takes one part of the arguments; false when more text is needed.
  private mutating func passArgument(_ input: inout ParseBuffer, _ output: inout DeltaWriter) -> Bool {
    guard let byte = input[0] else { return false }
    switch byte {
    case 0x20, 0x0A, 0x0D, 0x09: input.consume(1)
    case UInt8(ascii: ","):
      input.consume(1)
      output.arguments(", ")
      expectsKey = open.last == UInt8(ascii: "{")
    case UInt8(ascii: "}"), UInt8(ascii: "]"):
      input.consume(1)
      let opening = open.popLast()
      output.arguments(opening == UInt8(ascii: "[") ? "]" : "}")
      expectsKey = false
      if open.isEmpty {
        output.endCall()
        state = .between
      }
    case UInt8(ascii: "{") where !expectsKey, UInt8(ascii: "[") where !expectsKey:
      input.consume(1)
      push(byte, &output)
    default: return expectsKey ? passKey(&input, &output) : passScalar(&input, &output)
    }
    return true
  }

  private mutating func passKey(_ input: inout ParseBuffer, _ output: inout DeltaWriter) -> Bool {
    var end = 0
    while let byte = input[end], byte != UInt8(ascii: ":"), end < Self.longestKey { end += 1 }
    guard end < input.count else { return finishCut(&input, &output) }
    var key = String(decoding: input.slice(0..<end), as: UTF8.self)
    for mark in [grammar.quote, "\""] where key.hasPrefix(mark) && key.hasSuffix(mark) && key.count >= 2 * mark.count {
      key = String(key.dropFirst(mark.count).dropLast(mark.count))
    }
    input.consume(input[end] == UInt8(ascii: ":") ? end + 1 : end)
    output.arguments(ParameterValue.quoted(key.utf8))
    output.arguments(": ")
    expectsKey = false
    return true
  }

  private mutating func passScalar(_ input: inout ParseBuffer, _ output: inout DeltaWriter) -> Bool {
    switch input.has(quote.tags[0], at: 0) {
    case true?:
      input.consume(quote.tags[0].count)
      output.arguments("\"")
      state = .string
      return true
    case nil where !input.isComplete: return false
    case nil, false?: break
    }
    var end = 0
    while let byte = input[end], byte != UInt8(ascii: ","), byte != UInt8(ascii: "}"), byte != UInt8(ascii: "]") {
      end += 1
    }
    guard end < input.count else { return finishCut(&input, &output) }
    output.arguments(ParameterValue.json(input.take(end), types: []))
    return true
  }

  private mutating func finishCut(_ input: inout ParseBuffer, _ output: inout DeltaWriter) -> Bool {
    if input.isComplete { output.arguments(input.take(input.count)) }
    return false
  }
}
