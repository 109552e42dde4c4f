import Foundation

extension TemplateEvaluator {
  mutating func apply(
    filter name: String, to value: TemplateValue, _ arguments: TemplateArguments
  ) throws(TemplateError) -> TemplateValue {
    switch name {
    case "default", "d":
      let wantsTruth = arguments.value(1, "boolean")?.isTrue ?? false
      return value.isUndefined || (wantsTruth && !value.isTrue)
        ? arguments.value(0, "default_value") ?? .string("") : value
    case "tojson": return .string(try json(value, arguments))
    case "length", "count":
      guard let length = value.length else { throw error("\(value.representation.prefix(40)) has no length") }
      return .int(Int64(length))
    case "string": if case .markup = value { return value } else { return .string(value.text) }
    case "safe": return .markup(value.text)
    case "escape", "e": return .markup(TemplateText.escaped(value))
    case "forceescape": return .markup(TemplateText.escaped(.string(value.text)))
    case "int", "float", "abs", "round": return try numeric(name, value, arguments)
    case "trim", "upper", "lower", "title", "capitalize", "replace", "indent", "urlencode", "truncate",
      "wordcount", "center", "format":
      return try textual(name, value.text, arguments)
    case "items":
      guard case .dictionary = value else {
        if value.isUndefined { return .list([]) }
        throw error("items needs a dictionary")
      }
      return try call(.method(value, "items"), TemplateArguments())
    case "dictsort":
      guard case .dictionary(let dictionary) = value else { throw error("dictsort needs a dictionary") }
      return try sorted(dictionary, arguments)
    default: return try sequence(name, value, arguments)
    }
  }

  /// Members as pairs in the order of their keys, or of their values.
  private func sorted(
    _ dictionary: TemplateDictionary, _ arguments: TemplateArguments
  ) throws(TemplateError) -> TemplateValue {
    let caseSensitive = arguments.value(0, "case_sensitive")?.isTrue ?? false
    let by = arguments.text(1, "by") ?? "key"
    guard by == "key" || by == "value" else { throw error("dictsort: by must be 'key' or 'value'") }
    let pairs = dictionary.keys.map { key in (sort: by == "key" ? key : dictionary[key] ?? .none, key: key) }
      .map { pair in
        guard case .string(let text) = pair.sort.plain, !caseSensitive else { return pair }
        return (sort: .string(text.lowercased()), key: pair.key)
      }
    guard pairs.allSatisfy({ $0.sort.isLess(than: pairs[0].sort) != nil }) else {
      throw error("dictsort: the items have no order")
    }
    let isReversed = arguments.value(2, "reverse")?.isTrue ?? false
    let order = pairs.enumerated().sorted { a, b in
      if a.element.sort.isLess(than: b.element.sort) ?? false { return !isReversed }
      if b.element.sort.isLess(than: a.element.sort) ?? false { return isReversed }
      return a.offset < b.offset
    }
    return .list(order.map { .tuple([$0.element.key, dictionary[$0.element.key] ?? .none]) })
  }

  private func numeric(_ name: String, _ value: TemplateValue, _ arguments: TemplateArguments) throws(TemplateError)
    -> TemplateValue
  {
    switch name {
    case "int":
      if let integer = value.integer { return .int(integer) }
      let text = value.text.trimmingCharacters(in: .whitespaces)
      if case .string = value, let number = Int64(text) { return .int(number) }
      if let number = value.number ?? Double(text), number.magnitude < 9e18 { return .int(Int64(number)) }
      return arguments.value(0, "default") ?? .int(0)
    case "float":
      if let number = value.number { return .double(number) }
      return Double(value.text.trimmingCharacters(in: .whitespaces)).map { .double($0) } ?? arguments.value(
        0, "default") ?? .double(0)
    case "abs":
      if let integer = value.integer, integer != .min { return .int(abs(integer)) }
      guard let number = value.number else { throw error("abs needs a number") }
      return .double(abs(number))
    default:
      guard let number = value.number else { throw error("round needs a number") }
      let digits = max(-300, min(300, arguments.value(0, "precision")?.integer ?? 0))
      let factor = pow(10, Double(digits))
      switch arguments.text(1, "method") ?? "common" {
      case "ceil": return .double((number * factor).rounded(.up) / factor)
      case "floor": return .double((number * factor).rounded(.down) / factor)
      default: return .double((number * factor).rounded(.toNearestOrEven) / factor)
      }
    }
  }

  private mutating func textual(_ name: String, _ text: String, _ arguments: TemplateArguments) throws(TemplateError)
    -> TemplateValue
  {
    try charge(bytes: text.utf8.count)
    switch name {
    case "trim": return .string(TemplateText.stripped(text, arguments.text(0, "chars"), left: true, right: true))
    case "upper": return .string(text.uppercased())
    case "lower": return .string(text.lowercased())
    case "title": return .string(TemplateText.titled(text))
    case "capitalize": return .string(TemplateText.capitalized(text))
    case "replace":
      return .string(
        TemplateText.replaced(
          text, arguments.value(0, "old")?.text ?? "", arguments.value(1, "new")?.text ?? "",
          arguments.value(2, "count")?.integer))
    case "indent": return .string(indented(text, arguments))
    case "urlencode":
      var allowed = CharacterSet.alphanumerics
      allowed.insert(charactersIn: "/-_.~")
      return .string(text.addingPercentEncoding(withAllowedCharacters: allowed) ?? text)
    case "wordcount": return .int(Int64(TemplateText.split(text, nil, limit: -1, fromRight: false).count))
    case "truncate":
      let length = Int(max(0, arguments.value(0, "length")?.integer ?? 255)), end = arguments.text(2, "end") ?? "..."
      guard text.unicodeScalars.count > length + 5 else { return .string(text) }
      let cut = String(text.unicodeScalars.prefix(max(0, length - end.unicodeScalars.count)))
      if arguments.value(1, "killwords")?.isTrue ?? false { return .string(cut + end) }
      return .string((TemplateText.split(cut, " ", limit: 1, fromRight: true).first ?? "") + end)
    case "center":
      let width = Int(min(4096, max(0, arguments.value(0, "width")?.integer ?? 80))), have = text.unicodeScalars.count
      let left = max(0, width - have) / 2
      return .string(
        String(repeating: " ", count: left) + text + String(repeating: " ", count: max(0, width - have - left)))
    default: throw error("the filter \(name) is not supported")
    }
  }

  private func indented(_ text: String, _ arguments: TemplateArguments) -> String {
    let indent: String
    switch arguments.value(0, "width") {
    case .string(let given)?: indent = given
    case let width: indent = String(repeating: " ", count: Int(min(1024, max(0, width?.integer ?? 4))))
    }
    let first = arguments.value(1, "first")?.isTrue ?? false, blank = arguments.value(2, "blank")?.isTrue ?? false
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    return lines.enumerated().map { index, line in
      (index == 0 ? first : (blank || !line.isEmpty)) ? indent + line : String(line)
    }.joined(separator: "\n")
  }

  // MARK: Sequences

  private mutating func sequence(
    _ name: String, _ value: TemplateValue, _ arguments: TemplateArguments
  ) throws(TemplateError) -> TemplateValue {
    // These look whether there is anything before they iterate.
    let isLazy = ["map", "select", "reject", "selectattr", "rejectattr"].contains(name)
    guard let items = isLazy && !value.isTrue ? [] : value.elements else {
      throw error("the filter \(name) does not work on \(value.representation.prefix(40))")
    }
    try charge(bytes: items.count)
    switch name {
    case "list": return .list(items)
    case "first": return items.first ?? .undefined("first")
    case "last": return items.last ?? .undefined("last")
    case "reverse":
      if case .string = value { return .string(items.reversed().map(\.text).joined()) }
      return .list(items.reversed())
    case "join":
      let attribute = arguments.value(1, "attribute")
      var texts: [String] = []
      for item in items {
        texts.append(try attribute.map { name throws(TemplateError) in try path(name, of: item) }?.text ?? item.text)
      }
      let result = texts.joined(separator: arguments.value(0, "d")?.text ?? "")
      try charge(bytes: result.utf8.count)
      return .string(result)
    case "sum":
      var total = arguments.value(1, "start") ?? .int(0)
      for item in items {
        let part =
          try arguments.value(0, "attribute").map { name throws(TemplateError) in try path(name, of: item) } ?? item
        total = try call(sumOf: total, part)
      }
      return total
    case "min", "max", "sort", "unique", "groupby": return try ordered(name, items, arguments)
    case "map": return .list(try mapped(items, arguments))
    case "select", "reject": return .list(try selected(items, arguments, attribute: nil, keeps: name == "select"))
    case "selectattr", "rejectattr":
      var rest = arguments
      guard let attribute = arguments.positional.first else { throw error("\(name) needs an attribute") }
      rest.positional.removeFirst()
      return .list(try selected(items, rest, attribute: attribute, keeps: name == "selectattr"))
    case "batch", "slice":
      let count = Int(arguments.value(0, "linecount")?.integer ?? 0)
      guard count > 0 else { throw error("\(name) needs a positive count") }
      let size = name == "batch" ? count : max(1, (items.count + count - 1) / count)
      return .list(
        stride(from: 0, to: items.count, by: size).map { .list(Array(items[$0..<min(items.count, $0 + size)])) })
    default: throw error("the filter \(name) is not supported", .syntax)
    }
  }

  private func call(sumOf a: TemplateValue, _ b: TemplateValue) throws(TemplateError) -> TemplateValue {
    if let x = a.integer, let y = b.integer {
      let (sum, overflow) = x.addingReportingOverflow(y)
      guard !overflow else { throw error("the sum is out of range") }
      return .int(sum)
    }
    guard let x = a.number, let y = b.number else { throw error("sum needs numbers") }
    return .double(x + y)
  }

  /// A member by a dotted path.
  private func path(_ name: TemplateValue, of value: TemplateValue) throws(TemplateError) -> TemplateValue {
    var current = value
    for part in name.text.split(separator: ".") {
      switch current {
      case .dictionary(let dictionary): current = dictionary[String(part)] ?? .undefined(String(part))
      case .sequence(let items):
        guard let index = Int(part), items.indices.contains(index) else { return .undefined(String(part)) }
        current = items[index]
      default: return .undefined(String(part))
      }
    }
    return current
  }

  private mutating func mapped(_ items: [TemplateValue], _ arguments: TemplateArguments) throws(TemplateError)
    -> [TemplateValue]
  {
    var results: [TemplateValue] = []
    if let attribute = arguments.named["attribute"] {
      for item in items {
        let member = try path(attribute, of: item)
        results.append(member.isUndefined ? arguments.named["default"] ?? member : member)
      }
      return results
    }
    guard let filter = arguments.positional.first else { throw error("map needs a filter or an attribute") }
    var rest = arguments
    rest.positional.removeFirst()
    for item in items { results.append(try apply(filter: filter.text, to: item, rest)) }
    return results
  }

  private mutating func selected(
    _ items: [TemplateValue], _ arguments: TemplateArguments, attribute: TemplateValue?, keeps: Bool
  ) throws(TemplateError) -> [TemplateValue] {
    var rest = arguments
    let name = rest.positional.isEmpty ? nil : rest.positional.removeFirst().text
    var kept: [TemplateValue] = []
    for item in items {
      let subject = try attribute.map { attribute throws(TemplateError) in try path(attribute, of: item) } ?? item
      let holds = try name.map { name throws(TemplateError) in try test(name, subject, rest) } ?? subject.isTrue
      if holds == keeps { kept.append(item) }
    }
    return kept
  }

  private func ordered(
    _ name: String, _ items: [TemplateValue], _ arguments: TemplateArguments
  ) throws(TemplateError) -> TemplateValue {
    let attribute = arguments.named["attribute"] ?? (name == "groupby" ? arguments.positional.first : nil)
    let caseSensitive = arguments.named["case_sensitive"]?.isTrue ?? false
    var keyed: [(key: TemplateValue, item: TemplateValue)] = []
    for item in items {
      var key = try attribute.map { attribute throws(TemplateError) in try path(attribute, of: item) } ?? item
      if case .string(let text) = key, !caseSensitive { key = .string(text.lowercased()) }
      keyed.append((key, item))
    }
    if name == "unique" {
      var seen: [TemplateValue] = []
      return .list(
        keyed.filter { pair in
          guard !seen.contains(where: { $0.equals(pair.key) }) else { return false }
          seen.append(pair.key)
          return true
        }.map(\.item))
    }
    guard keyed.allSatisfy({ $0.key.isLess(than: keyed[0].key) != nil }) else {
      throw error("\(name): the items have no order")
    }
    let sorted = keyed.enumerated().sorted { a, b in
      if a.element.key.isLess(than: b.element.key) ?? false { return true }
      return !(b.element.key.isLess(than: a.element.key) ?? false) && a.offset < b.offset
    }.map(\.element)
    switch name {
    case "min": return sorted.first?.item ?? .undefined("min")
    case "max":
      return sorted.first { pair in !sorted.contains { pair.key.isLess(than: $0.key) ?? false } }?.item
        ?? .undefined("max")
    case "groupby":
      var groups: [(key: TemplateValue, items: [TemplateValue])] = []
      for pair in sorted {
        if let last = groups.last, last.key.equals(pair.key) {
          groups[groups.count - 1].items.append(pair.item)
        } else {
          groups.append((pair.key, [pair.item]))
        }
      }
      return .list(groups.map { .tuple([$0.key, .list($0.items)]) })
    default:
      let reverse = arguments.value(0, "reverse")?.isTrue ?? false
      return .list(reverse ? sorted.reversed().map(\.item) : sorted.map(\.item))
    }
  }

  // MARK: JSON

  /// `json.dumps(value, ensure_ascii=False, ...)`, as transformers defines the filter.
  private func json(_ value: TemplateValue, _ arguments: TemplateArguments) throws(TemplateError) -> String {
    var indent: Int?
    if let given = arguments.value(1, "indent")?.integer { indent = Int(min(64, max(0, given))) }
    var separators = (item: indent == nil ? ", " : ",", key: ": ")
    if case .sequence(let pair)? = arguments.value(2, "separators"), pair.count == 2 {
      separators = (pair[0].text, pair[1].text)
    }
    var writer = TemplateJSON(
      indent: indent, separators: separators, sortsKeys: arguments.value(3, "sort_keys")?.isTrue ?? false,
      ensuresASCII: arguments.value(0, "ensure_ascii")?.isTrue ?? false)
    guard writer.write(value, depth: 0) else { throw error("the value cannot be written as JSON") }
    return writer.text
  }

  // MARK: Tests

  mutating func test(_ name: String, _ value: TemplateValue, _ arguments: TemplateArguments) throws(TemplateError)
    -> Bool
  {
    let other = arguments.positional.first ?? .none
    switch name {
    case "defined": return !value.isUndefined
    case "undefined": return value.isUndefined
    case "none": if case .none = value { return true } else { return false }
    case "string": if case .string = value.plain { return true } else { return false }
    case "escaped": if case .markup = value { return true } else { return false }
    case "mapping": if case .dictionary = value { return true } else { return false }
    case "boolean": if case .bool = value { return true } else { return false }
    case "integer": if case .int = value { return true } else { return false }
    case "float": if case .double = value { return true } else { return false }
    case "number": return value.number != nil
    case "true": if case .bool(true) = value { return true } else { return false }
    case "false": if case .bool(false) = value { return true } else { return false }
    case "iterable", "sequence": return value.elements != nil
    case "callable":
      switch value {
      case .macro, .function, .method: return true
      default: return false
      }
    case "equalto", "eq", "==", "sameas": return value.equals(other)
    case "ne", "!=": return !value.equals(other)
    case "in": return try contains(other, value)
    case "lt", "lessthan", "<": return value.isLess(than: other) ?? false
    case "gt", "greaterthan", ">": return other.isLess(than: value) ?? false
    case "le", "<=": return !(other.isLess(than: value) ?? true)
    case "ge", ">=": return !(value.isLess(than: other) ?? true)
    case "odd", "even":
      guard let number = value.integer else { throw error("\(name) needs an integer") }
      return (number % 2 != 0) == (name == "odd")
    case "divisibleby":
      guard let number = value.integer, let divisor = other.integer, divisor != 0 else {
        throw error("divisibleby needs integers")
      }
      return divisor == -1 || number % divisor == 0
    case "lower": return value.text == value.text.lowercased()
    case "upper": return value.text == value.text.uppercased()
    default: throw error("the test \(name) is not supported", .syntax)
    }
  }
}
