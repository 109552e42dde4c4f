/// Cuts template source into tokens, with jinja2's `trim_blocks` and `lstrip_blocks` as transformers sets them.
struct TemplateLexer {
  private let source: [Unicode.Scalar]
  private var position = 0
  private var line = 1
  private var lineStart = 0
  private var tokens: [TemplateToken] = []
  /// Whitespace in front of the next text goes: after `-%}` and the like.
  private var trimsNextText = false
  /// One newline goes: after a statement or a comment.
  private var dropsNewline = false

  private static let symbols = [
    "**", "//", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "<", ">", "=", "(", ")", "[", "]", "{", "}", ",",
    ".", ":", "|",
  ]

  private init(_ text: String) {
    // Line ends are unified, and one at the very end goes, as jinja2 does it.
    var scalars: [Unicode.Scalar] = []
    for scalar in text.unicodeScalars {
      if scalar == "\n", scalars.last == "\r" { scalars[scalars.count - 1] = "\n" } else { scalars.append(scalar) }
    }
    scalars = scalars.map { $0 == "\r" ? "\n" : $0 }
    if scalars.last == "\n" { scalars.removeLast() }
    source = scalars
  }

  static func tokens(of text: String) throws(TemplateError) -> [TemplateToken] {
    var lexer = TemplateLexer(text)
    while lexer.position < lexer.source.count { try lexer.readText() }
    lexer.add(.end)
    return lexer.tokens
  }

  private mutating func add(_ kind: TemplateToken.Kind) {
    tokens.append(TemplateToken(kind: kind, line: line, column: position - lineStart + 1))
  }

  private func error(_ message: String) -> TemplateError {
    TemplateError(kind: .syntax, message: message, line: line, column: position - lineStart + 1)
  }

  private func starts(_ text: String, at place: Int) -> Bool {
    var index = place
    for scalar in text.unicodeScalars {
      guard index < source.count, source[index] == scalar else { return false }
      index += 1
    }
    return true
  }

  private mutating func advance(to target: Int) {
    while position < target {
      if source[position] == "\n" {
        line += 1
        lineStart = position + 1
      }
      position += 1
    }
  }

  private mutating func readText() throws(TemplateError) {
    var tag = position
    while tag < source.count,
      !(source[tag] == "{" && tag + 1 < source.count && "{%#".unicodeScalars.contains(source[tag + 1]))
    {
      tag += 1
    }
    var text = source[position..<tag]
    if trimsNextText {
      text = text.drop { $0.properties.isWhitespace }
    } else if dropsNewline, text.first == "\n" {
      text = text.dropFirst()
    }
    trimsNextText = false
    dropsNewline = false
    guard tag < source.count else {
      emit(text)
      return advance(to: tag)
    }
    let kind = source[tag + 1]
    let mark: Unicode.Scalar? = tag + 2 < source.count ? source[tag + 2] : nil
    if mark == "-" {
      while let last = text.last, last.properties.isWhitespace { text = text.dropLast() }
    } else if mark != "+", kind != "{" {
      text = Self.withoutIndent(
        text, startsLine: tag - text.count == 0 || text.startIndex == 0 || source[text.startIndex - 1] == "\n")
    }
    emit(text)
    advance(to: tag + 2 + (mark == "-" || mark == "+" ? 1 : 0))
    switch kind {
    case "#": try skipComment()
    case "%": try readStatement()
    default: try readTag(close: "}}", start: .expressionStart, end: .expressionEnd)
    }
  }

  /// lstrip_blocks: spaces between the line's beginning and a tag go.
  private static func withoutIndent(_ text: ArraySlice<Unicode.Scalar>, startsLine: Bool) -> ArraySlice<Unicode.Scalar>
  {
    var end = text.endIndex
    while end > text.startIndex, text[end - 1] == " " || text[end - 1] == "\t" { end -= 1 }
    let atLineStart = end > text.startIndex ? text[end - 1] == "\n" : startsLine
    return atLineStart ? text[..<end] : text
  }

  private mutating func emit(_ text: ArraySlice<Unicode.Scalar>) {
    guard !text.isEmpty else { return }
    var string = String.UnicodeScalarView()
    string.append(contentsOf: text)
    add(.text(String(string)))
  }

  private mutating func skipComment() throws(TemplateError) {
    var end = position
    while end < source.count, !starts("#}", at: end) { end += 1 }
    guard end < source.count else { throw error("a comment is not closed") }
    trimsNextText = end > position && source[end - 1] == "-"
    dropsNewline = !(end > position && source[end - 1] == "+")
    advance(to: end + 2)
  }

  private mutating func readStatement() throws(TemplateError) {
    var probe = position
    while probe < source.count, source[probe].properties.isWhitespace { probe += 1 }
    guard starts("raw", at: probe) else {
      return try readTag(close: "%}", start: .statementStart, end: .statementEnd)
    }
    probe += 3
    while probe < source.count, source[probe].properties.isWhitespace { probe += 1 }
    guard starts("%}", at: probe) || starts("-%}", at: probe) else {
      return try readTag(close: "%}", start: .statementStart, end: .statementEnd)
    }
    let trims = starts("-", at: probe)
    var start = probe + (trims ? 3 : 2)
    if !trims, start < source.count, source[start] == "\n" { start += 1 }
    var end = start
    while end < source.count {
      if starts("{%", at: end) {
        var inner = end + 2
        if starts("-", at: inner) { inner += 1 }
        while inner < source.count, source[inner].properties.isWhitespace { inner += 1 }
        if starts("endraw", at: inner) {
          while inner < source.count, !starts("%}", at: inner) { inner += 1 }
          guard inner < source.count else { break }
          var text = source[start..<end]
          if trims { text = text.drop { $0.properties.isWhitespace } }
          if starts("{%-", at: end) {
            while let last = text.last, last.properties.isWhitespace { text = text.dropLast() }
          }
          emit(text)
          trimsNextText = source[inner - 1] == "-"
          dropsNewline = true
          return advance(to: inner + 2)
        }
      }
      end += 1
    }
    throw error("raw is not closed")
  }

  private mutating func readTag(
    close: String, start: TemplateToken.Kind, end: TemplateToken.Kind
  ) throws(TemplateError) {
    add(start)
    var depth = 0
    while true {
      while position < source.count, source[position].properties.isWhitespace { advance(to: position + 1) }
      guard position < source.count else { throw error("a tag is not closed") }
      if depth == 0 {
        for mark in ["-", "+", ""] where starts(mark + close, at: position) {
          trimsNextText = mark == "-"
          dropsNewline = close == "%}" && mark != "+"
          add(end)
          return advance(to: position + mark.count + 2)
        }
      }
      try readToken(depth: &depth)
    }
  }

  private mutating func readToken(depth: inout Int) throws(TemplateError) {
    let first = source[position]
    if first == "_" || first.properties.isXIDStart {
      var end = position
      while end < source.count, source[end].properties.isXIDContinue { end += 1 }
      var name = String.UnicodeScalarView()
      name.append(contentsOf: source[position..<end])
      add(.name(String(name)))
      return advance(to: end)
    }
    if ("0"..."9").contains(first) { return try readNumber() }
    if first == "'" || first == "\"" { return try readString(quote: first) }
    for symbol in Self.symbols where starts(symbol, at: position) {
      if "([{".contains(symbol) { depth += 1 }
      if ")]}".contains(symbol) { depth -= 1 }
      add(.symbol(symbol))
      return advance(to: position + symbol.count)
    }
    throw error("unexpected character '\(first)'")
  }

  private mutating func readNumber() throws(TemplateError) {
    var end = position
    var text = ""
    var isDouble = false
    while end < source.count {
      let scalar = source[end]
      if ("0"..."9").contains(scalar) {
        text.unicodeScalars.append(scalar)
      } else if scalar == ".", !isDouble, end + 1 < source.count, ("0"..."9").contains(source[end + 1]) {
        isDouble = true
        text.unicodeScalars.append(scalar)
      } else if scalar == "e" || scalar == "E", end + 1 < source.count,
        ("0"..."9").contains(source[end + 1]) || (source[end + 1] == "-" || source[end + 1] == "+")
      {
        isDouble = true
        text += "e"
        text.unicodeScalars.append(source[end + 1])
        end += 1
      } else if scalar != "_" {
        break
      }
      end += 1
    }
    if isDouble, let value = Double(text) {
      add(.double(value))
    } else if let value = Int64(text) {
      add(.int(value))
    } else {
      throw error("the number \(text) is out of range")
    }
    advance(to: end)
  }

  private mutating func readString(quote: Unicode.Scalar) throws(TemplateError) {
    var result = String.UnicodeScalarView()
    var index = position + 1
    while index < source.count, source[index] != quote {
      guard source[index] == "\\", index + 1 < source.count else {
        result.append(source[index])
        index += 1
        continue
      }
      let escaped = source[index + 1]
      index += 2
      switch escaped {
      case "n": result.append("\n")
      case "t": result.append("\t")
      case "r": result.append("\r")
      case "b": result.append("\u{8}")
      case "f": result.append("\u{C}")
      case "a": result.append("\u{7}")
      case "v": result.append("\u{B}")
      case "0": result.append("\0")
      case "\\", "'", "\"": result.append(escaped)
      case "\n": break
      case "x", "u", "U":
        let length = escaped == "x" ? 2 : escaped == "u" ? 4 : 8
        guard index + length <= source.count,
          let value = UInt32(String(String.UnicodeScalarView(source[index..<(index + length)])), radix: 16),
          let scalar = Unicode.Scalar(value)
        else { throw error("a faulty escape in a string") }
        result.append(scalar)
        index += length
      default:
        result.append("\\")
        result.append(escaped)
      }
    }
    guard index < source.count else { throw error("a string is not closed") }
    add(.string(String(result)))
    advance(to: index + 1)
  }
}
