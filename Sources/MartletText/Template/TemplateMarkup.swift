/// HTML's escapes, as markupsafe has them.
enum TemplateMarkup {
  static func escaped(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result.append(contentsOf: "&amp;".unicodeScalars)
      case "<": result.append(contentsOf: "&lt;".unicodeScalars)
      case ">": result.append(contentsOf: "&gt;".unicodeScalars)
      case "'": result.append(contentsOf: "&#39;".unicodeScalars)
      case "\"": result.append(contentsOf: "&#34;".unicodeScalars)
      default: result.append(scalar)
      }
    }
    return String(result)
  }

  /// A text for HTML; safe text stays as it is.
  static func escaped(_ value: TemplateValue) -> String {
    switch value {
    case .markup(let text): text
    case .string(let text): escaped(text)
    default: ""
    }
  }

  /// Without comments and tags; spaces are one, common entities are characters.
  static func stripped(_ text: String) -> String {
    let tagless = without(Array(text.unicodeScalars)[...], from: "<!--", to: "-->")
    let plain = without(tagless[...], from: "<", to: ">")
    return unescaped(TemplateText.words(String(String.UnicodeScalarView(plain))).joined(separator: " "))
  }

  private static func without(
    _ source: ArraySlice<Unicode.Scalar>, from open: String, to close: String
  ) -> [Unicode.Scalar] {
    let open = Array(open.unicodeScalars), close = Array(close.unicodeScalars)
    var result: [Unicode.Scalar] = []
    var index = source.startIndex, isOpen = true
    while index < source.endIndex {
      guard isOpen, source[index...].starts(with: open) else {
        result.append(source[index])
        index += 1
        continue
      }
      var end = index
      while end < source.endIndex, !source[end...].starts(with: close) { end += 1 }
      // What is never closed stays.
      if end == source.endIndex { isOpen = false } else { index = end + close.count }
    }
    return result
  }

  private static let entities: [Substring: Unicode.Scalar] = [
    "amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'", "nbsp": "\u{A0}",
  ]

  private static func unescaped(_ text: String) -> String {
    var result = ""
    var rest = text[...]
    while let start = rest.firstIndex(of: "&") {
      result += rest[..<start]
      rest = rest[rest.index(after: start)...]
      guard let end = rest.prefix(32).firstIndex(of: ";"), let scalar = scalar(rest[..<end]) else {
        result += "&"
        continue
      }
      result.unicodeScalars.append(scalar)
      rest = rest[rest.index(after: end)...]
    }
    return result + rest
  }

  private static func scalar(_ entity: Substring) -> Unicode.Scalar? {
    guard entity.first == "#" else { return entities[entity] }
    let digits = entity.dropFirst()
    let code = digits.first == "x" || digits.first == "X" ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits)
    return code.flatMap(Unicode.Scalar.init)
  }
}
