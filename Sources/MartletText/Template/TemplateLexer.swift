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
    ".", ":", "|", ";",
  ]
  private static let closers: [String: String] = ["(": ")", "[": "]", "{": "}"]

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
    tokens.append(TemplateToken(kind: kind, place: TemplatePlace(line: line, column: position - lineStart + 1)))
  }

  private func error(_ message: String) -> TemplateError {
    TemplateError(message, .syntax).at(TemplatePlace(line: line, column: position - lineStart + 1))
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
      text = text.drop(while: TemplateLetters.isSpace)
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
      while let last = text.last, TemplateLetters.isSpace(last) { text = text.dropLast() }
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
    while end > text.startIndex, text[end - 1] != "\n", TemplateLetters.isSpace(text[end - 1]) { end -= 1 }
    let atLineStart = end > text.startIndex ? text[end - 1] == "\n" : startsLine
    return atLineStart ? text[..<end] : text
  }

  private mutating func emit(_ text: ArraySlice<Unicode.Scalar>) {
    guard !text.isEmpty else { return }
    add(.text(String(String.UnicodeScalarView(text))))
  }

  private mutating func skipComment() throws(TemplateError) {
    var end = position
    while end < source.count, !starts("#}", at: end) { end += 1 }
    guard end < source.count else { throw error("a comment is not closed") }
    let mark = end > position ? source[end - 1] : " "
    trimsNextText = mark == "-"
    dropsNewline = mark != "-" && mark != "+"
    advance(to: end + 2)
  }

  private func spaces(at place: Int) -> Int {
    var end = place
    while end < source.count, TemplateLetters.isSpace(source[end]) { end += 1 }
    return end
  }

  /// Where a statement of the one word ends if it begins at `place` (after `{%` and its mark), and its closing mark.
  private func bareStatement(_ word: String, at place: Int, marks: [String]) -> (end: Int, mark: String)? {
    let start = spaces(at: place)
    guard starts(word, at: start) else { return nil }
    let close = spaces(at: start + word.count)
    guard let mark = marks.first(where: { starts($0 + "%}", at: close) }) else { return nil }
    return (close + mark.count + 2, mark)
  }

  private mutating func readStatement() throws(TemplateError) {
    guard let opening = bareStatement("raw", at: position, marks: ["-", ""]) else {
      return try readTag(close: "%}", start: .statementStart, end: .statementEnd)
    }
    let start = opening.mark == "-" ? spaces(at: opening.end) : opening.end
    var tag = start
    while tag < source.count {
      let mark = ["-", "+"].first { starts("{%" + $0, at: tag) } ?? ""
      guard starts("{%", at: tag),
        let closing = bareStatement("endraw", at: tag + 2 + mark.count, marks: ["-", "+", ""])
      else {
        tag += 1
        continue
      }
      var text = source[start..<tag]
      if mark == "-" {
        while let last = text.last, TemplateLetters.isSpace(last) { text = text.dropLast() }
      } else if mark != "+" {
        text = Self.withoutIndent(text, startsLine: source[start - 1] == "\n")
      }
      emit(text)
      trimsNextText = closing.mark == "-"
      dropsNewline = closing.mark == ""
      return advance(to: closing.end)
    }
    throw error("raw is not closed")
  }

  private mutating func readTag(
    close: String, start: TemplateToken.Kind, end: TemplateToken.Kind
  ) throws(TemplateError) {
    add(start)
    let marks = close == "%}" ? ["-", "+", ""] : ["-", ""]
    var open: [String] = []
    while true {
      advance(to: spaces(at: position))
      guard position < source.count else { throw error("a tag is not closed") }
      if open.isEmpty, let mark = marks.first(where: { starts($0 + close, at: position) }) {
        trimsNextText = mark == "-"
        dropsNewline = close == "%}" && mark == ""
        add(end)
        return advance(to: position + mark.count + 2)
      }
      try readToken(&open)
    }
  }

  private mutating func readToken(_ open: inout [String]) throws(TemplateError) {
    let first = source[position]
    if first == "_" || first.properties.isXIDStart {
      var end = position
      while end < source.count, source[end].properties.isXIDContinue { end += 1 }
      add(.name(String(String.UnicodeScalarView(source[position..<end]))))
      return advance(to: end)
    }
    if ("0"..."9").contains(first) { return try readNumber() }
    if first == "'" || first == "\"" { return try readString(quote: first) }
    for symbol in Self.symbols where starts(symbol, at: position) {
      if let closer = Self.closers[symbol] { open.append(closer) }
      if ")]}".contains(symbol) {
        guard let expected = open.popLast() else { throw error("unexpected '\(symbol)'") }
        guard expected == symbol else { throw error("'\(expected)' is expected, not '\(symbol)'") }
      }
      add(.symbol(symbol))
      return advance(to: position + symbol.count)
    }
    throw error("unexpected character '\(first)'")
  }

  private mutating func readNumber() throws(TemplateError) {
    // After a dot there is an index, not a fraction.
    let isMember = tokens.last?.kind == .symbol(".") && position > 0 && source[position - 1] == "."
    let number = TemplateNumberScanner(source, at: position, allowsFraction: !isMember)
    guard let kind = number.kind else { throw error("the number \(number.text) is out of range") }
    add(kind)
    advance(to: number.end)
  }

  private mutating func readString(quote: Unicode.Scalar) throws(TemplateError) {
    var end = position + 1
    while end < source.count, source[end] != quote { end += source[end] == "\\" ? 2 : 1 }
    guard end < source.count else { throw error("a string is not closed") }
    guard let text = TemplateEscapes.resolved(source[(position + 1)..<end]) else {
      throw error("a faulty escape in a string")
    }
    add(.string(text))
    advance(to: end + 1)
  }
}
