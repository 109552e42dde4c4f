/// A function of the environment.
enum TemplateFunction: String, CaseIterable, Sendable {
  case range, dict, namespace, cycler, joiner, lipsum
  case raiseException = "raise_exception"
  case strftimeNow = "strftime_now"
  /// Not callable itself: its attributes are the template's blocks.
  case blocks = "self"

  func call(
    _ arguments: TemplateArguments, _ runtime: inout TemplateRuntime
  ) throws(TemplateError) -> TemplateValue {
    switch self {
    case .range: return try Self.range(arguments)
    case .dict: return .dictionary(try dictionary(arguments, &runtime))
    case .namespace: return .object(try runtime.add(.namespace(try dictionary(arguments, &runtime))))
    case .cycler:
      guard !arguments.positional.isEmpty, arguments.named.isEmpty else { throw TemplateError("cycler needs items") }
      return .object(try runtime.add(.cycler(arguments.positional, position: 0)))
    case .joiner:
      let bound = try TemplateParameters("sep").bind(arguments, of: rawValue)
      return .object(try runtime.add(.joiner(separator: bound[0] ?? .string(", "), isUsed: false)))
    case .raiseException:
      let bound = try TemplateParameters("message", required: 1).bind(arguments, of: rawValue)
      throw TemplateError(try runtime.text(of: bound[0] ?? .none), .raised)
    case .strftimeNow:
      let bound = try TemplateParameters("format", required: 1).bind(arguments, of: rawValue)
      guard let format = bound[0]?.string else { throw TemplateError("strftime_now needs a text") }
      guard format.utf8.count <= 4096 else { throw TemplateError("a format is too long", .budgetExceeded) }
      return .string(TemplateDate(clock: runtime.clock).formatted(format))
    case .lipsum: throw TemplateError("lipsum is not supported")
    case .blocks: throw TemplateError("self cannot be called")
    }
  }

  private static func range(_ arguments: TemplateArguments) throws(TemplateError) -> TemplateValue {
    guard arguments.named.isEmpty, (1...3).contains(arguments.positional.count) else {
      throw TemplateError("range takes one to three integers")
    }
    var numbers: [Int64] = []
    for value in arguments.positional {
      guard let number = value.integer else { throw TemplateError("range takes integers, not \(value.typeName)") }
      numbers.append(number)
    }
    if numbers.count == 1 { numbers.insert(0, at: 0) }
    return .range(
      try TemplateRange(start: numbers[0], stop: numbers[1], step: numbers.count > 2 ? numbers[2] : 1))
  }

  /// Python's `dict(...)`: members of a dictionary or pairs, and then the named arguments.
  private func dictionary(
    _ arguments: TemplateArguments, _ runtime: inout TemplateRuntime
  ) throws(TemplateError) -> TemplateDictionary {
    guard arguments.positional.count <= 1 else { throw TemplateError("\(rawValue) takes at most one value") }
    var result = TemplateDictionary()
    if case .dictionary(let members)? = arguments.positional.first {
      result = members
    } else if let given = arguments.positional.first {
      for item in try runtime.elements(of: given) {
        let pair = try runtime.elements(of: item)
        guard pair.count == 2 else { throw TemplateError("\(rawValue) needs pairs") }
        try result.set(pair[0], pair[1])
      }
    }
    for (name, value) in arguments.named { result[name] = value }
    return result
  }
}
