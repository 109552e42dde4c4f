/// The methods of Python's `str`.
struct TemplateTextMethods {
  private let text: String
  private let name: String
  private let arguments: [TemplateValue?]

  /// The methods that templates may call, with their parameters.
  static let parameters: [String: TemplateParameters] = {
    var table: [String: TemplateParameters] = [:]
    for name in """
    upper lower title capitalize swapcase casefold isdigit isdecimal isnumeric isalpha isalnum isspace isupper
    islower istitle isidentifier isascii isprintable
    """.split(whereSeparator: \.isWhitespace) {
      table[String(name)] = TemplateParameters(takesNames: false)
    }
    for name in ["strip", "lstrip", "rstrip"] { table[name] = TemplateParameters("chars", takesNames: false) }
    for name in ["split", "rsplit"] { table[name] = TemplateParameters("sep maxsplit") }
    for name in ["startswith", "endswith", "find", "rfind", "index", "rindex", "count"] {
      table[name] = TemplateParameters("sub start end", required: 1, takesNames: false)
    }
    for name in ["ljust", "rjust", "center"] {
      table[name] = TemplateParameters("width fillchar", required: 1, takesNames: false)
    }
    for name in ["partition", "rpartition", "removeprefix", "removesuffix", "join", "zfill"] {
      table[name] = TemplateParameters("argument", required: 1, takesNames: false)
    }
    table["splitlines"] = TemplateParameters("keepends")
    table["expandtabs"] = TemplateParameters("tabsize")
    table["replace"] = TemplateParameters("old new count", required: 2, takesNames: false)
    // Takes whatever its fields ask for.
    table["format"] = TemplateParameters()
    return table
  }()

  static func call(
    _ name: String, on receiver: TemplateValue, _ arguments: TemplateArguments, _ runtime: inout TemplateRuntime
  ) throws(TemplateError) -> TemplateValue {
    let text = receiver.string ?? "", isMarkup: Bool
    if case .markup = receiver { isMarkup = true } else { isMarkup = false }
    try runtime.budget.charge(bytes: text.utf8.count)
    if name == "format" {
      let format = TemplateBraceFormat(text, escapes: isMarkup)
      let result = try format.text(for: arguments, &runtime)
      return isMarkup ? .markup(result) : .string(result)
    }
    let parameters = parameters[name] ?? TemplateParameters()
    let methods = TemplateTextMethods(
      text: text, name: name, arguments: try parameters.bind(arguments, of: "str.\(name)()"))
    let result = try methods.result(escapes: isMarkup, &runtime)
    try runtime.budget.check(result.extent)
    return isMarkup ? marked(result) : result
  }

  /// What safe text gives is safe.
  private static func marked(_ value: TemplateValue) -> TemplateValue {
    switch value {
    case .string(let text): .markup(text)
    case .sequence(let items): .sequence(items.with(items.map(marked)))
    default: value
    }
  }

  private func result(escapes: Bool, _ runtime: inout TemplateRuntime) throws(TemplateError) -> TemplateValue {
    switch name {
    case "strip", "lstrip", "rstrip":
      let characters = try optionalText(0)
      return .string(TemplateText.stripped(text, characters, left: name != "rstrip", right: name != "lstrip"))
    case "split", "rsplit": return .list(try split().map { .string($0) })
    case "splitlines":
      return .list(TemplateText.lines(text, keepsEnds: arguments[0]?.isTrue ?? false).map { .string($0) })
    case "join": return .string(try joined(escapes: escapes, &runtime))
    case "replace":
      let new = escapes ? TemplateMarkup.escaped(arguments[1] ?? .none) : try needText(1)
      let limit = try number(2) ?? -1, old = try needText(0)
      return .string(
        try TemplateText.replaced(text, old, new, limit: limit < 0 ? .max : limit, &runtime.budget))
    case "startswith", "endswith", "find", "rfind", "index", "rindex", "count": return try found()
    case "removeprefix":
      let prefix = try needText(0)
      return .string(text.utf8.starts(with: prefix.utf8) ? part(from: prefix.utf8.count) : text)
    case "removesuffix":
      let suffix = try needText(0)
      guard text.utf8.reversed().starts(with: suffix.utf8.reversed()) else { return .string(text) }
      return .string(part(from: 0, to: text.utf8.count - suffix.utf8.count))
    case "partition", "rpartition": return try partitioned()
    case "ljust": return .string(try padded(.left))
    case "rjust": return .string(try padded(.right))
    case "center": return .string(try padded(.center))
    case "zfill": return .string(TemplateText.zeroFilled(text, to: try width(0)))
    case "expandtabs":
      let size = try arguments[0] == nil ? 8 : width(0)
      try runtime.budget.charge(bytes: text.utf8.count * (size + 1))
      return .string(TemplateText.expanded(text, tabSize: size))
    default: return try plain()
    }
  }

  /// Methods without arguments.
  private func plain() throws(TemplateError) -> TemplateValue {
    switch name {
    case "upper": .string(TemplateLetters.uppercased(text))
    case "lower": .string(TemplateLetters.lowercased(text))
    case "title": .string(TemplateLetters.titled(text))
    case "capitalize": .string(TemplateLetters.capitalized(text))
    case "swapcase": .string(TemplateLetters.swapped(text))
    case "casefold": .string(TemplateLetters.folded(text))
    case "isupper": .bool(TemplateLetters.isUpper(text))
    case "islower": .bool(TemplateLetters.isLower(text))
    case "istitle": .bool(TemplateLetters.isTitle(text))
    case "isdigit": .bool(TemplateLetters.all(text, TemplateLetters.isDigit))
    case "isdecimal": .bool(TemplateLetters.all(text) { $0.properties.numericType == .decimal })
    case "isnumeric": .bool(TemplateLetters.all(text) { $0.properties.numericType != nil })
    case "isalpha": .bool(TemplateLetters.all(text, TemplateLetters.isLetter))
    case "isalnum": .bool(TemplateLetters.all(text, TemplateLetters.isAlphanumeric))
    case "isspace": .bool(TemplateLetters.all(text, TemplateLetters.isSpace))
    case "isascii": .bool(text.utf8.allSatisfy { $0 < 0x80 })
    case "isprintable": .bool(text.unicodeScalars.allSatisfy(TemplateLetters.isPrintable))
    case "isidentifier":
      .bool(
        text.unicodeScalars.first.map { $0 == "_" || $0.properties.isXIDStart } == true
          && text.unicodeScalars.allSatisfy(\.properties.isXIDContinue))
    default: throw TemplateError("str.\(name)() is not supported")
    }
  }

  // MARK: Arguments

  private func fault(_ index: Int, _ wanted: String) -> TemplateError {
    TemplateError("str.\(name)() needs \(wanted), not \(arguments[index]?.typeName ?? "nothing")")
  }

  private func needText(_ index: Int) throws(TemplateError) -> String {
    guard let text = arguments[index]?.string else { throw fault(index, "a text") }
    return text
  }

  private func optionalText(_ index: Int) throws(TemplateError) -> String? {
    guard let value = arguments[index], !value.isNone else { return nil }
    return try needText(index)
  }

  /// An optional number; None is the same as nothing.
  private func number(_ index: Int) throws(TemplateError) -> Int? {
    guard let value = arguments[index], !value.isNone else { return nil }
    guard let number = value.integer else { throw fault(index, "an integer") }
    return Int(min(max(number, -1 << 40), 1 << 40))
  }

  private func width(_ index: Int) throws(TemplateError) -> Int {
    let width = try number(index) ?? 0
    guard width <= TemplatePercentFormat.maxWidth else { throw TemplateError("a width is too large", .budgetExceeded) }
    return max(0, width)
  }

  // MARK: Results

  private func part(from start: Int, to end: Int? = nil) -> String {
    String(decoding: Array(text.utf8)[start..<(end ?? text.utf8.count)], as: UTF8.self)
  }

  private func split() throws(TemplateError) -> [String] {
    let given = try number(1) ?? -1, limit = given < 0 ? Int.max : given, fromRight = name == "rsplit"
    guard let separator = try optionalText(0) else {
      return TemplateText.words(text, limit: limit, fromRight: fromRight)
    }
    guard !separator.isEmpty else { throw TemplateError("str.\(name)() needs a separator that is not empty") }
    return TemplateText.split(text, separator, limit: limit, fromRight: fromRight)
  }

  private func joined(escapes: Bool, _ runtime: inout TemplateRuntime) throws(TemplateError) -> String {
    var parts: [String] = []
    for item in try runtime.elements(of: arguments[0] ?? .none) {
      guard escapes || item.string != nil else { throw TemplateError("str.join() needs texts, not \(item.typeName)") }
      parts.append(escapes ? TemplateMarkup.escaped(item) : item.string ?? "")
    }
    let size = parts.reduce(0) { $0 + $1.utf8.count + text.utf8.count }
    try runtime.budget.charge(bytes: size)
    return parts.joined(separator: text)
  }

  private func padded(_ alignment: TemplateText.Alignment) throws(TemplateError) -> String {
    let fill = try optionalText(1) ?? " "
    guard TemplateText.length(fill) == 1 else { throw TemplateError("str.\(name)() fills with one character") }
    return TemplateText.padded(text, to: try width(0), alignment, with: fill)
  }

  private func partitioned() throws(TemplateError) -> TemplateValue {
    let separator = try needText(0)
    guard !separator.isEmpty else { throw TemplateError("str.\(name)() needs a separator that is not empty") }
    let parts = TemplateText.split(text, separator, limit: 1, fromRight: name == "rpartition")
    let whole = name == "partition" ? [text, "", ""] : ["", "", text]
    return .tuple((parts.count == 2 ? [parts[0], separator, parts[1]] : whole).map { .string($0) })
  }

  /// Searches between two places, as Python's slices have them.
  private func found() throws(TemplateError) -> TemplateValue {
    let slice = try TemplateSlice(lower: arguments[1], upper: arguments[2], step: nil)
    let isWhole = arguments[1] == nil && arguments[2] == nil
    let start = isWhole ? 0 : slice.bounds(count: TemplateText.length(text)).start
    let isBeyond = try number(1).map { $0 > TemplateText.length(text) } ?? false
    let window =
      isWhole ? text : String(String.UnicodeScalarView(slice.picked(from: Array(text.unicodeScalars))))
    if name == "startswith" || name == "endswith" {
      let isPrefix = name == "startswith"
      var options = [arguments[0] ?? .none]
      if case .sequence(let items) = options[0], items.isTuple { options = items.items }
      for option in options {
        guard let affix = option.string else { throw fault(0, "a text or a tuple of texts") }
        let isFound =
          isPrefix
          ? window.utf8.starts(with: affix.utf8) : window.utf8.reversed().starts(with: affix.utf8.reversed())
        if isFound, !isBeyond { return .bool(true) }
      }
      return .bool(false)
    }
    let search = TemplateSearch(try needText(0))
    if name == "count" { return .int(isBeyond ? 0 : Int64(search.places(in: window).count)) }
    let isFromRight = name == "rfind" || name == "rindex"
    let place = isFromRight ? search.lastPlaces(in: window, limit: 1).first : search.first(in: window)
    guard let place, !isBeyond else {
      guard name == "index" || name == "rindex" else { return .int(-1) }
      throw TemplateError("str.\(name)() does not find the text")
    }
    return .int(Int64(start + window.utf8.prefix(place).count { $0 & 0xC0 != 0x80 }))
  }
}
