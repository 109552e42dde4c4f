/// Filters of texts. Most take any value as its text; what safe text gives is mostly safe.
struct TemplateTextFilters {
  let filter: TemplateFilter
  let value: TemplateValue
  let arguments: [TemplateValue?]

  func result(_ runtime: inout TemplateRuntime) throws(TemplateError) -> TemplateValue {
    switch filter {
    case .indent: return try indented(&runtime)
    case .urlencode: return .string(try encoded(&runtime))
    case .xmlattr: return .string(try attributes(&runtime))
    case .pprint: return .string(try printed(&runtime))
    default: break
    }
    let text = try runtime.text(of: value)
    try runtime.budget.charge(bytes: text.utf8.count)
    switch filter {
    case .string: return soft(text)
    case .safe: return .markup(text)
    case .escape: if case .markup = value { return value } else { return .markup(TemplateMarkup.escaped(text)) }
    case .forceescape: return .markup(TemplateMarkup.escaped(text))
    case .striptags: return .string(TemplateMarkup.stripped(text))
    case .upper: return soft(TemplateLetters.uppercased(text))
    case .lower: return soft(TemplateLetters.lowercased(text))
    case .capitalize: return soft(TemplateLetters.capitalized(text))
    case .title: return .string(Self.titled(text))
    case .trim:
      guard let characters = arguments[0], !characters.isNone else { return soft(TemplateText.stripped(text)) }
      guard let set = characters.string else { throw fault("chars must be a text") }
      return soft(TemplateText.stripped(text, set))
    case .center: return soft(TemplateText.padded(text, to: try width(0, 80), .center))
    case .wordcount:
      return .int(Int64(text.unicodeScalars.split { !TemplateLetters.isWord($0) }.count))
    case .replace: return .string(try replaced(text, &runtime))
    case .truncate: return try truncated(text)
    default: return .string(try wrapped(text, &runtime))
    }
  }

  private func fault(_ message: String) -> TemplateError { TemplateError("the filter \(filter.rawValue): \(message)") }

  /// Safe where the value is.
  private func soft(_ text: String) -> TemplateValue {
    if case .markup = value { return .markup(text) }
    return .string(text)
  }

  private func number(_ index: Int, _ fallback: Int) throws(TemplateError) -> Int {
    guard let given = arguments[index], !given.isNone else { return fallback }
    guard let number = given.integer else { throw fault("an integer is needed, not \(given.typeName)") }
    return Int(min(max(number, -1 << 40), 1 << 40))
  }

  private func width(_ index: Int, _ fallback: Int) throws(TemplateError) -> Int {
    let width = try number(index, fallback)
    guard width <= TemplatePercentFormat.maxWidth else {
      throw TemplateError("the filter \(filter.rawValue): the width is too large", .budgetExceeded)
    }
    return max(0, width)
  }

  private static func titled(_ text: String) -> String {
    var startsWord = true
    return text.unicodeScalars.map { scalar in
      let separates = TemplateLetters.isSpace(scalar) || "-({[<".unicodeScalars.contains(scalar)
      defer { startsWord = separates }
      return startsWord ? scalar.properties.uppercaseMapping : scalar.properties.lowercaseMapping
    }.joined()
  }

  private func replaced(_ text: String, _ runtime: inout TemplateRuntime) throws(TemplateError) -> String {
    let old = try runtime.text(of: arguments[0] ?? .none), new = try runtime.text(of: arguments[1] ?? .none)
    let limit = try number(2, -1)
    return try TemplateText.replaced(text, old, new, limit: limit < 0 ? .max : limit, &runtime.budget)
  }

  private func truncated(_ text: String) throws(TemplateError) -> TemplateValue {
    guard value.length != nil else { throw fault("a text is needed, not \(value.typeName)") }
    let length = try number(0, 255), leeway = try number(3, 5), end = arguments[2]?.string ?? "..."
    let kept = length - TemplateText.length(end)
    guard kept >= 0 else { throw fault("length must be at least \(TemplateText.length(end))") }
    guard leeway >= 0 else { throw fault("leeway must not be negative") }
    guard TemplateText.length(text) > length + leeway else { return value }
    let cut = String(text.unicodeScalars.prefix(kept))
    if arguments[1]?.isTrue ?? false { return soft(cut + end) }
    return soft((TemplateText.split(cut, " ", limit: 1, fromRight: true).first ?? "") + end)
  }

  private func indented(_ runtime: inout TemplateRuntime) throws(TemplateError) -> TemplateValue {
    guard let text = value.string else { throw fault("a text is needed, not \(value.typeName)") }
    let spaces = arguments[0]?.string == nil ? try width(0, 4) : 0
    let indent = arguments[0]?.string ?? String(repeating: " ", count: spaces)
    let first = arguments[1]?.isTrue ?? false, blank = arguments[2]?.isTrue ?? false
    try runtime.budget.step(text.utf8.count / 8)
    let lines = TemplateText.lines(text + "\n")
    let (added, overflow) = lines.count.multipliedReportingOverflow(by: indent.utf8.count + 1)
    try runtime.budget.charge(bytes: overflow ? .max : text.utf8.count + added)
    return soft(
      lines.enumerated().map { index, line in
        (index == 0 ? first : (blank || !line.isEmpty)) ? indent + line : line
      }.joined(separator: "\n"))
  }

  private func wrapped(_ text: String, _ runtime: inout TemplateRuntime) throws(TemplateError) -> String {
    let width = try number(0, 79)
    guard width > 0 else { throw fault("the width must be positive") }
    // Each line and word costs much more than its bytes.
    try runtime.budget.step(text.utf8.count)
    let separator = arguments[2]?.string ?? "\n"
    let wrap = TemplateWordWrap(
      width: width, breaksLongWords: arguments[1]?.isTrue ?? true, breaksAtHyphens: arguments[3]?.isTrue ?? true)
    let lines = TemplateText.lines(text).map { wrap.lines(of: $0).joined(separator: separator) }
    let result = lines.joined(separator: separator)
    try runtime.budget.charge(bytes: result.utf8.count)
    return result
  }

  // MARK: Encodings

  private func encoded(_ runtime: inout TemplateRuntime) throws(TemplateError) -> String {
    if value.string != nil || !runtime.isIterable(value) {
      let text = try runtime.text(of: value)
      try runtime.budget.charge(bytes: text.utf8.count)
      return Self.quoted(text, keepsSlash: true)
    }
    var pairs: [String] = []
    let items: TemplateValue = if case .dictionary(let members) = value { .view(members, .items) } else { value }
    for item in try runtime.elements(of: items) {
      let pair = try runtime.elements(of: item)
      guard pair.count == 2 else { throw fault("pairs are needed") }
      let key = Self.quoted(try runtime.text(of: pair[0]), keepsSlash: false)
      let text = Self.quoted(try runtime.text(of: pair[1]), keepsSlash: false)
      try runtime.budget.charge(bytes: key.utf8.count + text.utf8.count)
      pairs.append("\(key)=\(text)")
    }
    return pairs.joined(separator: "&")
  }

  /// Percent escapes; in a query, where slashes are not kept, a space is a plus.
  private static func quoted(_ text: String, keepsSlash: Bool) -> String {
    var result: [UInt8] = []
    let hex = Array("0123456789ABCDEF".utf8)
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"),
        UInt8(ascii: "~"):
        result.append(byte)
      case UInt8(ascii: "/") where keepsSlash: result.append(byte)
      case UInt8(ascii: " ") where !keepsSlash: result.append(UInt8(ascii: "+"))
      default: result += [UInt8(ascii: "%"), hex[Int(byte >> 4)], hex[Int(byte & 15)]]
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  private func attributes(_ runtime: inout TemplateRuntime) throws(TemplateError) -> String {
    guard case .dictionary(let members) = value else { throw fault("a dictionary is needed, not \(value.typeName)") }
    var parts: [String] = []
    for (key, value) in members.members where !value.isNone && !value.isUndefined {
      let name = try runtime.text(of: key)
      guard !name.unicodeScalars.contains(where: { TemplateLetters.isSpace($0) || "/>=".unicodeScalars.contains($0) })
      else { throw fault("'\(name.prefix(40))' cannot be an attribute's name") }
      let text: String =
        if case .markup(let safe) = value { safe } else {
          TemplateMarkup.escaped(try runtime.text(of: value))
        }
      try runtime.budget.charge(bytes: name.utf8.count + text.utf8.count)
      parts.append("\(TemplateMarkup.escaped(name))=\"\(text)\"")
    }
    let result = parts.joined(separator: " ")
    return !result.isEmpty && arguments[0]?.isTrue ?? true ? " " + result : result
  }

  /// What fits a line of Python's pprint: the representation with sorted keys.
  private func printed(_ runtime: inout TemplateRuntime) throws(TemplateError) -> String {
    let result = try runtime.representation(of: try Self.sorted(value))
    guard TemplateText.length(result) <= 80 else { throw fault("only what fits a line of 80 characters is supported") }
    return result
  }

  private static func sorted(_ value: TemplateValue) throws(TemplateError) -> TemplateValue {
    switch value {
    case .sequence(let items):
      var result: [TemplateValue] = []
      for item in items { result.append(try sorted(item)) }
      return .sequence(items.with(result))
    case .dictionary(let dictionary):
      var result = TemplateDictionary()
      for (key, value) in try TemplateOrder.sorted(dictionary.members, by: \.key) {
        try result.set(key, try sorted(value))
      }
      return .dictionary(result)
    default: return value
    }
  }
}
