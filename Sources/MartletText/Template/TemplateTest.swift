/// jinja2's tests; the raw value is the name, other names of the same test are in `aliases`.
enum TemplateTest: String, CaseIterable, Sendable {
  case odd, even, divisibleby, defined, undefined, filter, test, none, boolean, integer, float, lower, upper, string,
    mapping, number, sequence, iterable, callable, sameas, escaped
  case isTrue = "true"
  case isFalse = "false"
  case isIn = "in"
  case equal = "eq"
  case notEqual = "ne"
  case less = "lt"
  case lessOrEqual = "le"
  case greater = "gt"
  case greaterOrEqual = "ge"

  private static let aliases: [String: TemplateTest] = [
    "==": .equal, "equalto": .equal, "!=": .notEqual, "<": .less, "lessthan": .less, "<=": .lessOrEqual,
    ">": .greater, "greaterthan": .greater, ">=": .greaterOrEqual,
  ]

  init?(named name: String) {
    guard let test = TemplateTest(rawValue: name) ?? Self.aliases[name] else { return nil }
    self = test
  }

  private var argument: String? {
    switch self {
    case .divisibleby: "num"
    case .sameas: "other"
    case .isIn: "seq"
    case .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual: "b"
    default: nil
    }
  }

  func holds(
    for value: TemplateValue, _ arguments: TemplateArguments, _ runtime: inout TemplateRuntime
  ) throws(TemplateError) -> Bool {
    let parameters = TemplateParameters(argument ?? "", required: argument == nil ? 0 : 1)
    let bound = try parameters.bind(arguments, of: "the test \(rawValue)")
    switch self {
    case .odd, .even, .divisibleby:
      let divisor = bound.first.flatMap { $0 } ?? .int(2)
      guard value.number != nil else {
        throw TemplateError("the test \(rawValue) needs a number, not \(value.typeName)")
      }
      let rest = try TemplateArithmetic.result(.remainder, value, divisor, &runtime)
      return rest.equals(.int(self == .odd ? 1 : 0))
    case .equal: return try runtime.compare(.equal, value, bound[0] ?? .none)
    case .notEqual: return try runtime.compare(.notEqual, value, bound[0] ?? .none)
    case .less: return try runtime.compare(.less, value, bound[0] ?? .none)
    case .lessOrEqual: return try runtime.compare(.lessOrEqual, value, bound[0] ?? .none)
    case .greater: return try runtime.compare(.greater, value, bound[0] ?? .none)
    case .greaterOrEqual: return try runtime.compare(.greaterOrEqual, value, bound[0] ?? .none)
    case .isIn: return try runtime.compare(.isIn, value, bound[0] ?? .none)
    case .sameas: return Self.isSame(value, bound[0] ?? .none)
    case .filter: return value.string.map { TemplateFilter.isKnown($0) } ?? false
    case .test: return value.string.map { TemplateTest(named: $0) != nil } ?? false
    case .lower: return TemplateLetters.isLower(try runtime.text(of: value))
    case .upper: return TemplateLetters.isUpper(try runtime.text(of: value))
    case .callable: return runtime.isCallable(value)
    case .iterable: return runtime.isIterable(value)
    default: return isKind(value)
    }
  }

  private func isKind(_ value: TemplateValue) -> Bool {
    switch (self, value) {
    case (.defined, _): !value.isUndefined
    case (.undefined, .undefined), (.none, .none), (.boolean, .bool), (.isTrue, .bool(true)), (.isFalse, .bool(false)),
      (.integer, .int), (.float, .double), (.string, .string), (.string, .markup), (.escaped, .markup),
      (.mapping, .dictionary), (.number, .int), (.number, .double), (.number, .bool), (.sequence, .string),
      (.sequence, .markup), (.sequence, .sequence), (.sequence, .dictionary), (.sequence, .range),
      (.sequence, .undefined):
      true
    default: false
    }
  }

  /// Python's `is`. Lists and dictionaries have no identity here and are never the same.
  private static func isSame(_ a: TemplateValue, _ b: TemplateValue) -> Bool {
    switch (a, b) {
    case (.none, .none): true
    case (.bool, .bool), (.int, .int), (.double, .double), (.string, .string), (.object, .object),
      (.function, .function):
      a.equals(b)
    default: false
    }
  }
}
