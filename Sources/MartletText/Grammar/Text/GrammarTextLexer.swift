/// Splits a grammar's text into tokens.
struct GrammarTextLexer {
  private let scalars: [Unicode.Scalar]
  private let isLark: Bool
  private var position = 0
  private var line = 1

  init(_ text: String, isLark: Bool) {
    scalars = Array(text.unicodeScalars)
    self.isLark = isLark
  }

  private var peek: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

  private func peek(_ offset: Int) -> Unicode.Scalar? {
    position + offset < scalars.count ? scalars[position + offset] : nil
  }

  private func fault(_ construct: String, _ reason: String) -> GrammarError {
    GrammarError(.invalid, at: "line \(line)", construct, reason)
  }

  mutating func tokens() throws(GrammarError) -> [GrammarToken] {
    var result: [GrammarToken] = []
    while let next = peek {
      let start = line
      guard let kind = try token(next) else { continue }
      result.append(GrammarToken(kind: kind, line: start))
    }
    result.append(GrammarToken(kind: .newline, line: line))
    return result
  }

  private mutating func token(_ next: Unicode.Scalar) throws(GrammarError) -> GrammarToken.Kind? {
    switch next {
    case "\n":
      position += 1
      line += 1
      return .newline
    case " ", "\t", "\r":
      position += 1
      return nil
    case "#":
      skipLine()
      return nil
    case "/" where isLark:
      if peek(1) == "/" {
        skipLine()
        return nil
      }
      return try pattern()
    case "\"", "'": return try literal(next)
    case "[" where !isLark: return .pattern(try characterClass())
    case "{": return try bounds()
    case ":":
      if isLark {
        position += 1
        return .defines
      }
      guard peek(1) == ":", peek(2) == "=" else { throw fault("':'", "is not '::='") }
      position += 3
      return .defines
    case "%" where isLark: return directive()
    case ".":
      position += 1
      if isLark, peek == "." {
        position += 1
        return .symbol("…")
      }
      return isLark ? .symbol(".") : .pattern("[^\\n]")
    case "(", ")", "|", "*", "+", "?", "!", "-", ">", "[", "]", "~", ",", "=":
      position += 1
      return .symbol(Character(next))
    default: return try name(next)
    }
  }

  private mutating func skipLine() { while let next = peek, next != "\n" { position += 1 } }

  private mutating func name(_ first: Unicode.Scalar) throws(GrammarError) -> GrammarToken.Kind {
    var text = ""
    while let next = peek,
      next.properties.isAlphabetic || ("0"..."9").contains(next) || next == "_" || (next == "-" && !isLark)
    {
      text.unicodeScalars.append(next)
      position += 1
    }
    guard !text.isEmpty else { throw fault("'\(first)'", "is not expected here") }
    return .name(text)
  }

  private mutating func directive() -> GrammarToken.Kind {
    var text = ""
    while let next = peek, next != "\n" {
      text.unicodeScalars.append(next)
      position += 1
    }
    return .directive(text)
  }

  private mutating func literal(_ quote: Unicode.Scalar) throws(GrammarError) -> GrammarToken.Kind {
    position += 1
    var text = ""
    while let next = peek, next != quote {
      position += 1
      guard next == "\\" else {
        if next == "\n" { line += 1 }
        text.unicodeScalars.append(next)
        continue
      }
      text.unicodeScalars.append(try escape())
    }
    guard peek == quote else { throw fault("a literal", "has no end") }
    position += 1
    if isLark, peek == "i" {
      position += 1
      return .literal(text, ignoresCase: true)
    }
    return .literal(text, ignoresCase: false)
  }

  private mutating func escape() throws(GrammarError) -> Unicode.Scalar {
    guard let next = peek else { throw fault("a backslash", "has nothing to escape") }
    position += 1
    switch next {
    case "n": return "\n"
    case "r": return "\r"
    case "t": return "\t"
    case "b": return "\u{8}"
    case "f": return "\u{C}"
    case "v": return "\u{B}"
    case "0": return "\0"
    case "x": return try hex(2)
    case "u": return try hex(4)
    case "U": return try hex(8)
    default: return next
    }
  }

  private mutating func hex(_ count: Int) throws(GrammarError) -> Unicode.Scalar {
    var value: UInt32 = 0
    for _ in 0..<count {
      guard let next = peek, next.isASCII, let digit = UInt32(String(next), radix: 16) else {
        throw fault("an escape", "needs \(count) hexadecimal digits")
      }
      value = value << 4 | digit
      position += 1
    }
    guard let scalar = Unicode.Scalar(value) else { throw fault("an escape", "is no character") }
    return scalar
  }

  /// A class in brackets, its escapes kept.
  private mutating func characterClass() throws(GrammarError) -> String {
    var text = "["
    position += 1
    var isFirst = true
    while let next = peek {
      position += 1
      if next == "]", !isFirst || text == "[" {
        return text + "]"
      }
      if next == "[" { text.unicodeScalars.append("\\") }
      text.unicodeScalars.append(next)
      isFirst = text == "[^"
      if next == "\\", let escaped = peek {
        text.unicodeScalars.append(escaped)
        position += 1
      }
    }
    throw fault("a character class", "has no end")
  }

  /// Lark's `/pattern/flags`.
  private mutating func pattern() throws(GrammarError) -> GrammarToken.Kind {
    position += 1
    var text = ""
    while let next = peek, next != "/" {
      guard next != "\n" else { throw fault("a regular expression", "has no end") }
      text.unicodeScalars.append(next)
      position += 1
      if next == "\\", let escaped = peek {
        if escaped == "/" { text.unicodeScalars.removeLast() }
        text.unicodeScalars.append(escaped)
        position += 1
      }
    }
    guard peek == "/" else { throw fault("a regular expression", "has no end") }
    position += 1
    var flags = ""
    while let next = peek, "imslux".unicodeScalars.contains(next) {
      if next == "i" || next == "s" { flags.unicodeScalars.append(next) }
      position += 1
    }
    return .pattern(flags.isEmpty ? text : "(?\(flags))\(text)")
  }

  private mutating func bounds() throws(GrammarError) -> GrammarToken.Kind {
    position += 1
    var text = ""
    while let next = peek, next != "}" {
      if next != " " { text.unicodeScalars.append(next) }
      position += 1
    }
    guard peek == "}" else { throw fault("a repetition", "has no end") }
    position += 1
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    let numbers = parts.map { $0.isEmpty ? nil : Int32($0) }
    guard (1...2).contains(parts.count), zip(parts, numbers).allSatisfy({ $0.isEmpty || ($1 ?? -1) >= 0 }),
      numbers.contains(where: { $0 != nil })
    else { throw fault("a repetition", "must look like {2}, {2,} or {2,5}") }
    let low = numbers[0] ?? 0
    let high = parts.count == 1 ? numbers[0] : numbers[1]
    guard high ?? .max >= low, low <= 100_000, high ?? 0 <= 100_000 else {
      throw fault("a repetition", "has bounds out of order or over 100000")
    }
    return .bounds(low, high)
  }
}
