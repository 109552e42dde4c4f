import Foundation

/// Python's arithmetic. Integers that leave 64 bits are refused.
enum TemplateArithmetic {
  static func result(
    _ operation: TemplateOperator, _ a: TemplateValue, _ b: TemplateValue, _ runtime: inout TemplateRuntime
  ) throws(TemplateError) -> TemplateValue {
    if let x = a.integer, let y = b.integer { return try integers(operation, x, y) }
    if let x = a.number, let y = b.number { return try doubles(operation, x, y) }
    for case .undefined(let what) in [a, b] { throw TemplateError(what.message) }
    switch (operation, a, b) {
    case (.add, .string(let x), .string(let y)):
      try runtime.budget.charge(bytes: x.utf8.count + y.utf8.count)
      return .string(x + y)
    case (.add, .markup, .string), (.add, .string, .markup), (.add, .markup, .markup):
      let joined = TemplateMarkup.escaped(a) + TemplateMarkup.escaped(b)
      try runtime.budget.charge(bytes: joined.utf8.count)
      return .markup(joined)
    case (.add, .sequence(let x), .sequence(let y)) where x.isTuple == y.isTuple:
      try runtime.budget.charge(items: x.count + y.count)
      return .sequence(x.with(x.items + y.items))
    case (.multiply, _, _):
      if let count = b.integer, let product = try repeated(a, count, &runtime) { return product }
      if let count = a.integer, let product = try repeated(b, count, &runtime) { return product }
    case (.remainder, .string(let format), _):
      return .string(try TemplatePercentFormat(format, escapes: false).text(for: b, &runtime))
    case (.remainder, .markup(let format), _):
      return .markup(try TemplatePercentFormat(format, escapes: true).text(for: b, &runtime))
    default: break
    }
    throw TemplateError("'\(operation.rawValue)' does not work between \(a.typeName) and \(b.typeName)")
  }

  /// Python's unary signs.
  static func signed(_ value: TemplateValue, isNegative: Bool) throws(TemplateError) -> TemplateValue {
    switch value {
    case .undefined(let what): throw TemplateError(what.message)
    case .double(let number): return .double(isNegative ? -number : number)
    default:
      guard let number = value.integer else { throw TemplateError("a sign before \(value.typeName)") }
      return isNegative ? try integers(.subtract, 0, number) : .int(number)
    }
  }

  private static func repeated(
    _ value: TemplateValue, _ count: Int64, _ runtime: inout TemplateRuntime
  ) throws(TemplateError) -> TemplateValue? {
    switch value {
    case .string(let text), .markup(let text):
      let times = Int(max(0, min(count, Int64(TemplateBudget.maxOutputBytes) + 1)))
      let (bytes, overflow) = text.utf8.count.multipliedReportingOverflow(by: times)
      try runtime.budget.charge(bytes: overflow ? .max : bytes)
      let product = text.isEmpty ? "" : String(repeating: text, count: times)
      if case .markup = value { return .markup(product) }
      return .string(product)
    case .sequence(let items):
      let times = Int(max(0, min(count, Int64(TemplateBudget.maxItems) + 1)))
      let (total, overflow) = items.count.multipliedReportingOverflow(by: times)
      try runtime.budget.charge(items: overflow ? .max : total)
      return .sequence(items.with(items.isEmpty ? [] : (0..<times).flatMap { _ in items.items }))
    default: return nil
    }
  }

  private static func integers(_ operation: TemplateOperator, _ x: Int64, _ y: Int64) throws(TemplateError)
    -> TemplateValue
  {
    let result: (partialValue: Int64, overflow: Bool)
    switch operation {
    case .add: result = x.addingReportingOverflow(y)
    case .subtract: result = x.subtractingReportingOverflow(y)
    case .multiply: result = x.multipliedReportingOverflow(by: y)
    case .divide: return try doubles(.divide, Double(x), Double(y))
    case .floorDivide, .remainder:
      guard y != 0 else { throw TemplateError("division by zero") }
      let (quotient, overflow) = x.dividedReportingOverflow(by: y)
      let rest = x.remainderReportingOverflow(dividingBy: y).partialValue
      let isBelow = rest != 0 && (rest < 0) != (y < 0)
      result =
        operation == .remainder ? (isBelow ? rest + y : rest, false) : (isBelow ? quotient - 1 : quotient, overflow)
    case .power:
      guard y >= 0 else { return try doubles(.power, Double(x), Double(y)) }
      result = power(x, y)
    }
    guard !result.overflow else { throw TemplateError("an integer is out of range: it needs more than 64 bits") }
    return .int(result.partialValue)
  }

  private static func power(_ base: Int64, _ exponent: Int64) -> (partialValue: Int64, overflow: Bool) {
    if base == 0 || base == 1 { return (exponent == 0 ? 1 : base, false) }
    if base == -1 { return (exponent % 2 == 0 ? 1 : -1, false) }
    var product: Int64 = 1
    for _ in 0..<min(exponent, 64) {
      let (next, overflow) = product.multipliedReportingOverflow(by: base)
      if overflow { return (0, true) }
      product = next
    }
    return (product, exponent > 64)
  }

  private static func doubles(_ operation: TemplateOperator, _ x: Double, _ y: Double) throws(TemplateError)
    -> TemplateValue
  {
    switch operation {
    case .add: return .double(x + y)
    case .subtract: return .double(x - y)
    case .multiply: return .double(x * y)
    case .power:
      guard x != 0 || y >= 0 else { throw TemplateError("0 cannot be raised to a negative power") }
      guard x >= 0 || y == y.rounded() else { throw TemplateError("a power of a negative number is not real") }
      let power = pow(x, y)
      guard power.isFinite || !x.isFinite || !y.isFinite else { throw TemplateError("a power is out of range") }
      return .double(power)
    case .divide, .floorDivide, .remainder:
      guard y != 0 else { throw TemplateError("division by zero") }
      if operation == .divide { return .double(x / y) }
      // As CPython: the remainder is exact, and the quotient is made from it.
      var rest = fmod(x, y)
      var quotient = (x - rest) / y
      if rest != 0, (rest < 0) != (y < 0) {
        rest += y
        quotient -= 1
      }
      if operation == .remainder { return .double(rest == 0 ? Double(signOf: y, magnitudeOf: 0) : rest) }
      let floor = quotient.rounded(.down)
      return .double(quotient - floor > 0.5 ? floor + 1 : floor)
    }
  }
}
