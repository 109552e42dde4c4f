/// jinja2's filters with their parameters.
enum TemplateFilter: String, CaseIterable, Sendable {
  case abs, attr, batch, capitalize, center, `default`, dictsort, escape, filesizeformat, first, float, forceescape,
    format, groupby, indent, int, items, join, last, length, list, lower, map, max, min, pprint, reject, rejectattr,
    replace, reverse, round, safe, select, selectattr, slice, sort, string, striptags, sum, title, tojson, trim,
    truncate, unique, upper, urlencode, wordcount, wordwrap, xmlattr

  private static let aliases: [String: TemplateFilter] = ["d": .default, "e": .escape, "count": .length]
  /// jinja2 has these; chat templates have no use for them.
  private static let refused: Set<String> = ["random", "urlize"]

  init?(named name: String) {
    guard let filter = TemplateFilter(rawValue: name) ?? Self.aliases[name] else { return nil }
    self = filter
  }

  static func isKnown(_ name: String) -> Bool { TemplateFilter(named: name) != nil || refused.contains(name) }

  static func refusal(of name: String) -> String {
    refused.contains(name) ? "the filter '\(name)' is not supported" : "there is no filter '\(name)'"
  }

  /// nil for filters that look at their arguments themselves.
  private var parameters: TemplateParameters? {
    switch self {
    case .attr: TemplateParameters("name", required: 1)
    case .batch: TemplateParameters("linecount fill_with", required: 1)
    case .center: TemplateParameters("width")
    case .default: TemplateParameters("default_value boolean")
    case .dictsort: TemplateParameters("case_sensitive by reverse")
    case .filesizeformat: TemplateParameters("binary")
    case .float: TemplateParameters("default")
    case .format, .map, .select, .selectattr, .reject, .rejectattr: nil
    case .groupby: TemplateParameters("attribute default case_sensitive", required: 1)
    case .indent: TemplateParameters("width first blank")
    case .int: TemplateParameters("default base")
    case .join: TemplateParameters("d attribute")
    case .max, .min, .unique: TemplateParameters("case_sensitive attribute")
    case .replace: TemplateParameters("old new count", required: 2)
    case .round: TemplateParameters("precision method")
    case .slice: TemplateParameters("slices fill_with", required: 1)
    case .sort: TemplateParameters("reverse case_sensitive attribute")
    case .sum: TemplateParameters("attribute start")
    case .tojson: TemplateJSON.parameters
    case .trim: TemplateParameters("chars")
    case .truncate: TemplateParameters("length killwords end leeway")
    case .wordwrap: TemplateParameters("width break_long_words wrapstring break_on_hyphens")
    case .xmlattr: TemplateParameters("autospace")
    default: TemplateParameters()
    }
  }

  func apply(
    to value: TemplateValue, _ arguments: TemplateArguments, _ runtime: inout TemplateRuntime
  ) throws(TemplateError) -> TemplateValue {
    guard let parameters else {
      let filters = TemplateItemFilters(filter: self, value: value)
      return self == .format
        ? try Self.formatted(value, arguments, &runtime) : try filters.result(arguments, &runtime)
    }
    let bound = try parameters.bind(arguments, of: "the filter \(rawValue)")
    switch self {
    case .default:
      let wantsTruth = bound[1]?.isTrue ?? false
      return value.isUndefined || (wantsTruth && !value.isTrue) ? bound[0] ?? .string("") : value
    case .attr:
      guard let name = bound[0]?.string else { throw TemplateError("the filter attr needs a text") }
      return runtime.ownAttribute(name, of: value) ?? .undefined(TemplateUndefined(member: name, of: value))
    case .tojson:
      var writer = try TemplateJSON(options: bound)
      try writer.write(value)
      try runtime.budget.charge(bytes: writer.text.utf8.count)
      return .string(writer.text)
    case .abs, .int, .float, .round, .filesizeformat:
      return try TemplateNumberFilters(filter: self, value: value, arguments: bound).result(&runtime)
    case .batch, .dictsort, .first, .groupby, .items, .join, .last, .length, .list, .max, .min, .reverse, .slice,
      .sort, .sum, .unique:
      return try TemplateListFilters(filter: self, value: value, arguments: bound).result(&runtime)
    default:
      return try TemplateTextFilters(filter: self, value: value, arguments: bound).result(&runtime)
    }
  }

  private static func formatted(
    _ value: TemplateValue, _ arguments: TemplateArguments, _ runtime: inout TemplateRuntime
  ) throws(TemplateError) -> TemplateValue {
    guard arguments.positional.isEmpty || arguments.named.isEmpty else {
      throw TemplateError("the filter format takes either positional or named arguments")
    }
    var values = TemplateValue.tuple(arguments.positional)
    if !arguments.named.isEmpty {
      var members = TemplateDictionary()
      for (name, value) in arguments.named { members[name] = value }
      values = .dictionary(members)
    }
    let format: TemplateValue = if case .markup = value { value } else { .string(try runtime.text(of: value)) }
    return try TemplateArithmetic.result(.remainder, format, values, &runtime)
  }
}
