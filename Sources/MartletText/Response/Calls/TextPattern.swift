/// What may come of comparing a pattern with growing text.
enum PatternMatch<Value> {
  case match(Value)
  /// The text so far is a beginning of the pattern.
  case partial
  case mismatch
}

/// A sequence of parts that text must begin with; there is no going back, so a part takes all it can.
struct TextPattern: Sendable {
  enum Part: Sendable {
    case literal(String)
    case optional(String)
    /// The longest of the texts that is there.
    case oneOf([String])
    case whitespace
    /// A function's name, captured.
    case name
    /// Text up to the given one, which is not consumed; captured.
    case text(until: String)
    /// The byte must follow, and is not consumed.
    case ahead(Unicode.Scalar)
  }

  struct Result {
    var length = 0
    var captures: [String] = []
  }

  /// Captured text is at most this long, in bytes.
  static let longestCapture = 512

  let parts: [Part]

  init(_ parts: [Part]) { self.parts = parts }

  func match(_ input: ParseBuffer, from start: Int = 0) -> PatternMatch<Result> {
    var result = Result(length: start)
    for part in parts {
      switch Self.match(part, input, &result) {
      case true?: continue
      case false?: return .mismatch
      case nil: return input.isComplete ? .mismatch : .partial
      }
    }
    return .match(result)
  }

  /// True after taking the part; nil while undecided.
  private static func match(_ part: Part, _ input: ParseBuffer, _ result: inout Result) -> Bool? {
    let index = result.length
    switch part {
    case .literal(let text): return literal(Array(text.utf8), input, &result)
    case .optional(let text):
      guard let found = literal(Array(text.utf8), input, &result) else { return input.isComplete ? true : nil }
      return found || true
    case .oneOf(let texts):
      var longest = 0
      for text in texts {
        switch input.has(Array(text.utf8), at: index) {
        case true?: longest = max(longest, text.utf8.count)
        case false?: continue
        case nil: if !input.isComplete { return nil }
        }
      }
      result.length += longest
      return longest > 0
    case .whitespace:
      result.length = input.skipWhitespace(from: index)
      return result.length < input.count || input.isComplete ? true : nil
    case .name:
      var end = index
      while let byte = input[end], byte.isNamePart, end - index <= longestCapture { end += 1 }
      guard end - index <= longestCapture else { return false }
      guard end < input.count else { return nil }
      guard end > index else { return false }
      result.captures.append(String(decoding: input.slice(index..<end), as: UTF8.self))
      result.length = end
      return true
    case .text(let terminator):
      let terminator = Array(terminator.utf8)
      var end = index
      while end < input.count, end - index <= longestCapture {
        switch input.has(terminator, at: end) {
        case true?:
          result.captures.append(String(decoding: input.slice(index..<end), as: UTF8.self))
          result.length = end
          return true
        case false?: end += 1
        case nil: return nil
        }
      }
      return end - index <= longestCapture ? nil : false
    case .ahead(let scalar):
      guard let byte = input[index] else { return nil }
      return UInt32(byte) == scalar.value
    }
  }

  private static func literal(_ text: [UInt8], _ input: ParseBuffer, _ result: inout Result) -> Bool? {
    let found = input.has(text, at: result.length)
    if found == true { result.length += text.count }
    return found
  }
}

extension UInt8 {
  /// Everything but controls, spaces, brackets and quotes: a superset of what tools may be called.
  fileprivate var isNamePart: Bool {
    switch self {
    case 0...0x20, 0x7F: false
    case UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "["),
      UInt8(ascii: "]"), UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "\""), UInt8(ascii: "'"),
      UInt8(ascii: ","), UInt8(ascii: "="), UInt8(ascii: "|"), UInt8(ascii: "`"):
      false
    default: true
    }
  }
}
