/// Python's text methods on code points.
enum TemplateText {
  /// A value's text for HTML; safe text stays as it is.
  static func escaped(_ value: TemplateValue) -> String {
    if case .markup(let text) = value { return text }
    var result = ""
    for scalar in value.text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "'": result += "&#39;"
      case "\"": result += "&#34;"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// Python's `str.isprintable` for one code point.
  static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
    case .spaceSeparator: scalar == " "
    default: true
    }
  }

  static func stripped(_ text: String, _ characters: String?, left: Bool, right: Bool) -> String {
    let set = characters.map { Set($0.unicodeScalars) }
    func goes(_ scalar: Unicode.Scalar) -> Bool { set?.contains(scalar) ?? scalar.properties.isWhitespace }
    var scalars = Substring.UnicodeScalarView(text.unicodeScalars[...])
    if left { scalars = scalars.drop(while: goes) }
    if right { while let last = scalars.last, goes(last) { scalars.removeLast() } }
    return String(scalars)
  }

  static func capitalized(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst().lowercased() }

  static func titled(_ text: String) -> String {
    var result = ""
    var inWord = false
    for character in text {
      result += character.isLetter ? (inWord ? character.lowercased() : character.uppercased()) : String(character)
      inWord = character.isLetter
    }
    return result
  }

  /// Code point offsets of non-overlapping occurrences.
  static func places(of part: String, in text: String) -> [Int] {
    let scalars = Array(text.unicodeScalars), wanted = Array(part.unicodeScalars)
    guard !wanted.isEmpty, wanted.count <= scalars.count else { return wanted.isEmpty ? Array(0...scalars.count) : [] }
    var places: [Int] = []
    var index = 0
    while index + wanted.count <= scalars.count {
      if scalars[index] == wanted[0], scalars[index..<(index + wanted.count)].elementsEqual(wanted) {
        places.append(index)
        index += wanted.count
      } else {
        index += 1
      }
    }
    return places
  }

  private static func string(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    return String(view)
  }

  static func replaced(_ text: String, _ old: String, _ new: String, _ count: Int64?) -> String {
    guard !old.isEmpty else { return text }
    let scalars = Array(text.unicodeScalars), length = old.unicodeScalars.count
    var result = ""
    var from = 0
    for place in places(of: old, in: text).prefix(count.map { $0 < 0 ? .max : Int($0) } ?? .max) {
      result += string(scalars[from..<place]) + new
      from = place + length
    }
    return result + string(scalars[from...])
  }

  static func split(_ text: String, _ separator: String?, limit: Int, fromRight: Bool) -> [String] {
    let scalars = Array(text.unicodeScalars)
    guard let separator, !separator.isEmpty else {
      var words = scalars.split { $0.properties.isWhitespace }
      guard limit >= 0, words.count > limit + 1 else { return words.map { string($0) } }
      // What is left over keeps its inner spaces.
      if fromRight {
        let rest = string(scalars[words[0].startIndex..<words[words.count - limit - 1].endIndex])
        return [rest] + words.suffix(limit).map { string($0) }
      }
      let rest = scalars[words[limit].startIndex...]
      words = Array(words.prefix(limit))
      return words.map { string($0) } + [stripped(string(rest), nil, left: false, right: true)]
    }
    var places = places(of: separator, in: text)
    if limit >= 0, places.count > limit {
      places = fromRight ? Array(places.suffix(limit)) : Array(places.prefix(limit))
    }
    var parts: [String] = []
    var from = 0
    for place in places {
      parts.append(string(scalars[from..<place]))
      from = place + separator.unicodeScalars.count
    }
    return parts + [string(scalars[from...])]
  }

  /// `str.format` with `{}`, `{0}` and `{name}`; nil for anything else.
  static func format(_ text: String, _ arguments: TemplateArguments) -> String? {
    var result = ""
    var rest = Substring(text)
    var next = 0
    while let brace = rest.firstIndex(where: { $0 == "{" || $0 == "}" }) {
      result += rest[..<brace]
      let after = rest.index(after: brace)
      if after < rest.endIndex, rest[after] == rest[brace] {
        result.append(rest[brace])
        rest = rest[rest.index(after: after)...]
        continue
      }
      guard rest[brace] == "{", let close = rest[after...].firstIndex(of: "}") else { return nil }
      let name = String(rest[after..<close])
      let value: TemplateValue?
      if name.isEmpty {
        value = arguments.value(next, "")
        next += 1
      } else if let index = Int(name), index >= 0 {
        value = arguments.value(index, "")
      } else {
        value = arguments.named[name]
      }
      guard let value else { return nil }
      result += value.text
      rest = rest[rest.index(after: close)...]
    }
    return result + rest
  }
}
