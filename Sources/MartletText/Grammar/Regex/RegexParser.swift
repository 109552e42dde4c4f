/// Reads the common subset of ECMA-262's and Python's regular expressions that denotes regular languages, anchors and
/// lookaheads included. Backreferences, lookbehinds and word boundaries are refused by name.
struct RegexParser {
  private let scalars: [Unicode.Scalar]
  private let location: String
  private let maxDepth: Int
  private var position = 0
  private var depth = 0
  private var ignoresCase = false
  private var dotMatchesAll = false

  private static let maxRepetition: Int32 = 100_000

  init(_ pattern: String, location: String, maxDepth: Int) {
    scalars = Array(pattern.unicodeScalars)
    self.location = location
    self.maxDepth = maxDepth
  }

  mutating func parse() throws(GrammarError) -> RegexNode {
    let node = try parseChoice()
    guard position == scalars.count else { throw fault("unbalanced ')'", "has no opening parenthesis") }
    return node
  }

  private func fault(_ construct: String, _ reason: String, _ kind: GrammarError.Kind = .invalid) -> GrammarError {
    GrammarError(kind, at: "\(location) offset \(position)", construct, reason)
  }

  private var peek: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard peek == scalar else { return false }
    position += 1
    return true
  }

  private mutating func take(_ text: String) -> Bool {
    let wanted = Array(text.unicodeScalars)
    guard scalars[position...].starts(with: wanted) else { return false }
    position += wanted.count
    return true
  }

  private mutating func parseChoice() throws(GrammarError) -> RegexNode {
    depth += 1
    defer { depth -= 1 }
    guard depth <= maxDepth else { throw fault("nesting", "is deeper than \(maxDepth)", .tooLarge) }
    var branches = [try parseSequence()]
    while take("|") { branches.append(try parseSequence()) }
    return branches.count == 1 ? branches[0] : .choice(branches)
  }

  private mutating func parseSequence() throws(GrammarError) -> RegexNode {
    var parts: [RegexNode] = []
    while let next = peek, next != "|", next != ")" { parts.append(try parseRepetition()) }
    return parts.isEmpty ? .empty : parts.count == 1 ? parts[0] : .sequence(parts)
  }

  private mutating func parseRepetition() throws(GrammarError) -> RegexNode {
    var node = try parseAtom()
    while let next = peek {
      let bounds: (Int32, Int32?)
      switch next {
      case "*": bounds = (0, nil)
      case "+": bounds = (1, nil)
      case "?": bounds = (0, 1)
      case "{":
        guard let counted = try parseBounds() else { return node }
        bounds = counted
        position -= 1
      default: return node
      }
      position += 1
      _ = take("?")
      if peek == "+" { throw fault("a possessive quantifier", "is not supported", .unsupported) }
      switch node {
      case .start, .end, .lookahead: throw fault("a quantifier", "stands behind an assertion")
      default: node = .repetition(node, minimum: bounds.0, maximum: bounds.1)
      }
    }
    return node
  }

  /// `{m}`, `{m,}`, `{,n}` or `{m,n}`; nil when the brace is a plain character.
  private mutating func parseBounds() throws(GrammarError) -> (Int32, Int32?)? {
    let start = position
    position += 1
    let low = try parseCount()
    var high = low
    if take(",") { high = try parseCount() }
    guard take("}"), low != nil || high != nil else {
      position = start
      return nil
    }
    if let low, let high, low > high { throw fault("a repetition", "has its bounds in the wrong order") }
    return (low ?? 0, high)
  }

  private mutating func parseCount() throws(GrammarError) -> Int32? {
    var value: Int32?
    while let next = peek, let digit = next.properties.numericType == .decimal ? Int32(String(next)) : nil {
      let sum = (value ?? 0) * 10 + digit
      guard sum <= Self.maxRepetition else {
        throw fault("a repetition", "is over \(Self.maxRepetition)", .tooLarge)
      }
      value = sum
      position += 1
    }
    return value
  }

  private mutating func parseAtom() throws(GrammarError) -> RegexNode {
    guard let next = peek else { return .empty }
    position += 1
    switch next {
    case "(": return try parseGroup()
    case "[": return .set(try parseSet())
    case ".": return .set(dotMatchesAll ? .all : CharacterClass.notLineEnd)
    case "^": return .start
    case "$": return .end
    case "\\": return try parseEscape()
    case "*", "+", "?": throw fault("a quantifier", "has nothing to repeat")
    default: return .set(cased(CodePointSet([next.value...next.value])))
    }
  }

  private func cased(_ set: CodePointSet) -> CodePointSet { ignoresCase ? set.caseInsensitive : set }

  private mutating func parseGroup() throws(GrammarError) -> RegexNode {
    let caseBefore = ignoresCase
    let dotBefore = dotMatchesAll
    var lookahead: Bool?
    if take("?") {
      if take(":") {
      } else if take("=") {
        lookahead = false
      } else if take("!") {
        lookahead = true
      } else if take("<=") || take("<!") {
        throw fault("a lookbehind", "is not supported", .unsupported)
      } else if take("P<") || take("<") {
        while let next = peek, next != ">", next != ")" { position += 1 }
        guard take(">") else { throw fault("a group's name", "has no end") }
      } else {
        if try parseFlags() { return .empty }
      }
    }
    let node = try parseChoice()
    guard take(")") else { throw fault("a group", "has no end") }
    ignoresCase = caseBefore
    dotMatchesAll = dotBefore
    return lookahead.map { .lookahead(node, negated: $0) } ?? node
  }

  /// `(?i)` holds from here on; `(?i:` for its group. True for the former.
  private mutating func parseFlags() throws(GrammarError) -> Bool {
    while let next = peek {
      position += 1
      switch next {
      case "i": ignoresCase = true
      case "s": dotMatchesAll = true
      case "u": break
      case ")": return true
      case ":": return false
      default: throw fault("the flag '\(next)'", "is not supported", .unsupported)
      }
    }
    throw fault("a group", "has no end")
  }

  private mutating func parseEscape() throws(GrammarError) -> RegexNode {
    guard let next = peek else { throw fault("a backslash", "has nothing to escape") }
    switch next {
    case "A":
      position += 1
      return .start
    case "Z", "z":
      position += 1
      return .end
    case "b", "B": throw fault("a word boundary", "is not supported", .unsupported)
    case "1"..."9", "k": throw fault("a backreference", "is not a regular expression", .unsupported)
    default: return .set(cased(try parseEscapedSet()))
    }
  }

  /// An escape that stands for characters; the position is behind the backslash.
  private mutating func parseEscapedSet() throws(GrammarError) -> CodePointSet {
    guard let next = peek else { throw fault("a backslash", "has nothing to escape") }
    position += 1
    func one(_ value: UInt32) -> CodePointSet { CodePointSet([value...value]) }
    switch next {
    case "d": return CharacterClass.digit
    case "D": return CharacterClass.digit.inverted
    case "w": return CharacterClass.word
    case "W": return CharacterClass.word.inverted
    case "s": return CharacterClass.space
    case "S": return CharacterClass.space.inverted
    case "n": return one(0x0A)
    case "r": return one(0x0D)
    case "t": return one(0x09)
    case "f": return one(0x0C)
    case "v": return one(0x0B)
    case "0": return one(0)
    case "a": return one(0x07)
    case "x": return one(try parseHex(2))
    case "U": return one(try parseHex(8))
    case "u": return one(try parseUnicodeEscape())
    case "c":
      guard let letter = peek, letter.properties.isAlphabetic, letter.isASCII else {
        throw fault("the escape \\c", "needs a letter")
      }
      position += 1
      return one(letter.value & 0x1F)
    case "p", "P": return try parseProperty(inverted: next == "P")
    default:
      guard !next.properties.isAlphabetic || !next.isASCII else {
        throw fault("the escape \\\(next)", "is not known")
      }
      return one(next.value)
    }
  }

  private mutating func parseProperty(inverted: Bool) throws(GrammarError) -> CodePointSet {
    var name = ""
    if take("{") {
      while let next = peek, next != "}" {
        name.unicodeScalars.append(next)
        position += 1
      }
      guard take("}") else { throw fault("a property", "has no end") }
    } else if let next = peek {
      name.unicodeScalars.append(next)
      position += 1
    }
    for prefix in ["General_Category=", "gc="] where name.hasPrefix(prefix) { name.removeFirst(prefix.count) }
    guard let set = CharacterClass.property(name) else {
      throw fault("the property \(name)", "is not supported", .unsupported)
    }
    return inverted ? set.inverted : set
  }

  private mutating func parseHex(_ count: Int) throws(GrammarError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<count {
      guard let next = peek, next.isASCII, let digit = UInt32(String(next), radix: 16) else {
        throw fault("an escape", "needs \(count) hexadecimal digits")
      }
      value = value << 4 | digit
      position += 1
    }
    guard value <= 0x10FFFF else { throw fault("an escape", "is beyond U+10FFFF") }
    return value
  }

  private mutating func parseUnicodeEscape() throws(GrammarError) -> UInt32 {
    if take("{") {
      var value: UInt32 = 0
      while let next = peek, next != "}" {
        guard next.isASCII, let digit = UInt32(String(next), radix: 16), value <= 0x10FFFF else {
          throw fault("an escape", "is no code point")
        }
        value = value << 4 | digit
        position += 1
      }
      guard take("}"), value <= 0x10FFFF else { throw fault("an escape", "is no code point") }
      return value
    }
    let value = try parseHex(4)
    guard (0xD800..<0xDC00).contains(value), take("\\u") else { return value }
    let low = try parseHex(4)
    guard (0xDC00..<0xE000).contains(low) else { throw fault("an escape", "is half a surrogate pair") }
    return 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
  }

  private mutating func parseSet() throws(GrammarError) -> CodePointSet {
    let inverted = take("^")
    var set = CodePointSet.none
    while let next = peek, next != "]" {
      let low = try parseSetItem()
      guard peek == "-", position + 1 < scalars.count, scalars[position + 1] != "]" else {
        set = set.union(low)
        continue
      }
      position += 1
      let high = try parseSetItem()
      guard let from = low.single, let to = high.single else {
        set = set.union(low).union(high).union(CodePointSet([0x2D...0x2D]))
        continue
      }
      guard from <= to else { throw fault("a character range", "has its ends in the wrong order") }
      set = set.union(CodePointSet([from...to]).intersection(.all))
    }
    guard take("]") else { throw fault("a character class", "has no end") }
    set = cased(set)
    return inverted ? set.inverted : set
  }

  private mutating func parseSetItem() throws(GrammarError) -> CodePointSet {
    guard let next = peek else { throw fault("a character class", "has no end") }
    position += 1
    guard next == "\\" else { return CodePointSet([next.value...next.value]) }
    if take("b") { return CodePointSet([0x08...0x08]) }
    return try parseEscapedSet()
  }
}
