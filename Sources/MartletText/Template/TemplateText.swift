/// Python's operations on texts, by code points.
enum TemplateText {
  /// Code points.
  static func length(_ text: String) -> Int { text.unicodeScalars.count }

  static func stripped(_ text: String, _ characters: String? = nil, left: Bool = true, right: Bool = true) -> String {
    let set = characters.map { Set($0.unicodeScalars) }
    func goes(_ scalar: Unicode.Scalar) -> Bool { set?.contains(scalar) ?? TemplateLetters.isSpace(scalar) }
    var scalars = text.unicodeScalars[...]
    if left { scalars = scalars.drop(while: goes) }
    if right { while let last = scalars.last, goes(last) { scalars.removeLast() } }
    return String(scalars)
  }

  private static func string(_ bytes: some Sequence<UInt8>) -> String { String(decoding: Array(bytes), as: UTF8.self) }

  static func replaced(
    _ text: String, _ old: String, _ new: String, limit: Int, _ budget: inout TemplateBudget
  ) throws(TemplateError) -> String {
    let places = TemplateSearch(old).places(in: text, limit: limit)
    guard !places.isEmpty else { return text }
    let (added, overflow) = places.count.multipliedReportingOverflow(by: new.utf8.count)
    try budget.charge(bytes: overflow ? .max : added)
    let bytes = Array(text.utf8), length = old.utf8.count, new = Array(new.utf8)
    var result: [UInt8] = []
    var from = 0
    for place in places {
      result += bytes[from..<place]
      result += new
      from = place + length
    }
    result += bytes[from...]
    return string(result)
  }

  /// Parts between separators, of which at most `limit` are used, counted from the right if asked.
  static func split(_ text: String, _ separator: String, limit: Int = .max, fromRight: Bool = false) -> [String] {
    let search = TemplateSearch(separator)
    let places = fromRight ? search.lastPlaces(in: text, limit: limit) : search.places(in: text, limit: limit)
    guard !places.isEmpty else { return [text] }
    let bytes = Array(text.utf8), length = separator.utf8.count
    var parts: [String] = []
    var from = 0
    for place in places {
      parts.append(string(bytes[from..<place]))
      from = place + length
    }
    return parts + [string(bytes[from...])]
  }

  /// Words between whitespace; beyond `limit`, the rest is one with its spaces.
  static func words(_ text: String, limit: Int = .max, fromRight: Bool = false) -> [String] {
    let words = text.unicodeScalars.split(whereSeparator: TemplateLetters.isSpace)
    guard words.count > limit else { return words.map { String($0) } }
    if fromRight {
      let rest = words[words.count - limit - 1].endIndex
      return [String(text.unicodeScalars[..<rest])] + words.suffix(limit).map { String($0) }
    }
    let rest = String(text.unicodeScalars[words[limit].startIndex...])
    return words.prefix(limit).map { String($0) } + [rest]
  }

  private static let breaks: Set<Unicode.Scalar> = [
    "\n", "\r", "\u{B}", "\u{C}", "\u{1C}", "\u{1D}", "\u{1E}", "\u{85}", "\u{2028}", "\u{2029}",
  ]

  static func lines(_ text: String, keepsEnds: Bool = false) -> [String] {
    let scalars = text.unicodeScalars
    var lines: [String] = []
    var start = scalars.startIndex, index = start
    while index < scalars.endIndex {
      let next = scalars.index(after: index)
      guard breaks.contains(scalars[index]) else {
        index = next
        continue
      }
      let isPair = scalars[index] == "\r" && next < scalars.endIndex && scalars[next] == "\n"
      let end = isPair ? scalars.index(after: next) : next
      lines.append(String(scalars[start..<(keepsEnds ? end : index)]))
      start = end
      index = end
    }
    if start < scalars.endIndex { lines.append(String(scalars[start...])) }
    return lines
  }

  enum Alignment { case left, right, center }

  static func padded(_ text: String, to width: Int, _ alignment: Alignment, with fill: String = " ") -> String {
    let missing = width - length(text)
    guard missing > 0 else { return text }
    let left: Int
    switch alignment {
    case .left: left = 0
    case .right: left = missing
    // CPython's rule for the odd space.
    case .center: left = missing / 2 + (missing & width & 1)
    }
    return String(repeating: fill, count: left) + text + String(repeating: fill, count: missing - left)
  }

  static func expanded(_ text: String, tabSize: Int) -> String {
    var result = String.UnicodeScalarView()
    var column = 0
    for scalar in text.unicodeScalars {
      guard scalar == "\t" else {
        result.append(scalar)
        column = scalar == "\n" || scalar == "\r" ? 0 : column + 1
        continue
      }
      let spaces = tabSize > 0 ? tabSize - column % tabSize : 0
      result.append(contentsOf: String(repeating: " ", count: spaces).unicodeScalars)
      column += spaces
    }
    return String(result)
  }

  /// `str.zfill`: zeros behind a sign.
  static func zeroFilled(_ text: String, to width: Int) -> String {
    let missing = width - length(text)
    guard missing > 0 else { return text }
    let sign = text.unicodeScalars.first.map { $0 == "-" || $0 == "+" } == true ? 1 : 0
    let zeros = String(repeating: "0", count: missing)
    return String(text.unicodeScalars.prefix(sign)) + zeros + String(text.unicodeScalars.dropFirst(sign))
  }
}
