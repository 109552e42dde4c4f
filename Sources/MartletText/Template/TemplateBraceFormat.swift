/// Python's `str.format`.
/// https://docs.python.org/3/library/string.html#format-string-syntax
struct TemplateBraceFormat {
  private let format: [Unicode.Scalar]
  private let escapes: Bool
  private var nextIndex = 0
  private var size = 0

  /// - Parameter escapes: whether the values are escaped for HTML.
  init(_ format: String, escapes: Bool) {
    self.format = Array(format.unicodeScalars)
    self.escapes = escapes
  }

  func text(
    for arguments: TemplateArguments, _ runtime: inout TemplateRuntime
  ) throws(TemplateError) -> String {
    var copy = self
    return try copy.filled(format[...], arguments, depth: 2, &runtime)
  }

  /// A specification may have fields itself, but not more than one level of them.
  private mutating func filled(
    _ source: ArraySlice<Unicode.Scalar>, _ arguments: TemplateArguments, depth: Int, _ runtime: inout TemplateRuntime
  ) throws(TemplateError) -> String {
    guard depth > 0 else { throw TemplateError("a format has too many levels of fields") }
    var result = String.UnicodeScalarView()
    var rest = source
    while let scalar = rest.popFirst() {
      guard scalar == "{" || scalar == "}" else {
        result.append(scalar)
        continue
      }
      if rest.first == scalar {
        result.append(scalar)
        rest.removeFirst()
        continue
      }
      guard scalar == "{", let close = Self.close(of: rest) else {
        throw TemplateError("a single '\(scalar)' in a format")
      }
      let field = rest[rest.startIndex..<close]
      rest = rest[(close + 1)...]
      let text = try text(of: field, arguments, depth, &runtime)
      size += text.utf8.count
      try runtime.budget.charge(text: text, total: size)
      result.append(contentsOf: text.unicodeScalars)
    }
    return String(result)
  }

  private static func close(of source: ArraySlice<Unicode.Scalar>) -> Int? {
    var depth = 0
    for index in source.indices {
      if source[index] == "{" { depth += 1 }
      if source[index] == "}" {
        if depth == 0 { return index }
        depth -= 1
      }
    }
    return nil
  }

  private mutating func text(
    of field: ArraySlice<Unicode.Scalar>, _ arguments: TemplateArguments, _ depth: Int,
    _ runtime: inout TemplateRuntime
  ) throws(TemplateError) -> String {
    let colon = field.firstIndex(of: ":") ?? field.endIndex
    var name = field[..<colon]
    var conversion: Unicode.Scalar?
    if let mark = name.lastIndex(of: "!"), !name[mark...].contains("]") {
      guard mark + 2 == colon else { throw TemplateError("a faulty conversion in a format") }
      conversion = name[mark + 1]
      name = name[..<mark]
    }
    var value = try self.value(of: name, arguments, &runtime)
    switch conversion {
    case nil: break
    case "s": value = .string(try runtime.text(of: value))
    case "r", "a": value = .string(try runtime.representation(of: value))
    case let other?: throw TemplateError("there is no conversion '\(other)' in formats")
    }
    let specification =
      colon < field.endIndex ? try filled(field[(colon + 1)...], arguments, depth: depth - 1, &runtime) : ""
    if specification.isEmpty || (escapes && value.string != nil) {
      let text = try runtime.text(of: value)
      if case .markup = value { return text }
      return escapes ? TemplateMarkup.escaped(text) : text
    }
    return try TemplateFormatSpec(specification).text(for: value)
  }

  private mutating func value(
    of name: ArraySlice<Unicode.Scalar>, _ arguments: TemplateArguments, _ runtime: inout TemplateRuntime
  ) throws(TemplateError) -> TemplateValue {
    let first = name.prefix { $0 != "." && $0 != "[" }
    var rest = name[first.endIndex...]
    var value = try argument(Self.string(first), arguments)
    while let mark = rest.popFirst() {
      if mark == "." {
        let attribute = rest.prefix { $0 != "." && $0 != "[" }
        rest = rest[attribute.endIndex...]
        value = try runtime.attribute(Self.string(attribute), of: value)
      } else {
        guard mark == "[", let close = rest.firstIndex(of: "]") else {
          throw TemplateError("a faulty field in a format")
        }
        let key = Self.string(rest[..<close])
        rest = rest[(close + 1)...]
        value = try runtime.member(Int64(key).map { .int($0) } ?? .string(key), of: value)
      }
    }
    return value
  }

  private mutating func argument(_ name: String, _ arguments: TemplateArguments) throws(TemplateError)
    -> TemplateValue
  {
    var index = Int(name)
    if name.isEmpty {
      index = nextIndex
      nextIndex += 1
    }
    if let index {
      guard arguments.positional.indices.contains(index) else {
        throw TemplateError("a format asks for argument \(index), which is not given")
      }
      return arguments.positional[index]
    }
    guard let member = arguments.named.first(where: { $0.name == name }) else {
      throw TemplateError("a format asks for '\(name)', which is not given")
    }
    return member.value
  }

  private static func string(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
    String(String.UnicodeScalarView(scalars))
  }
}
