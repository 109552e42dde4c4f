import Foundation

extension TemplateEvaluator {
  mutating func evaluate(_ arguments: TemplateExpression.Arguments) throws(TemplateError) -> TemplateArguments {
    var result = TemplateArguments()
    for argument in arguments.positional { result.positional.append(try evaluate(argument)) }
    for (name, argument) in arguments.named { result.named[name] = try evaluate(argument) }
    return result
  }

  mutating func evaluate(_ expression: TemplateExpression) throws(TemplateError) -> TemplateValue {
    try step(expression)
    let value = try nested { evaluator throws(TemplateError) in try evaluator.value(of: expression) }
    let extent = value.extent
    guard extent.depth <= Self.maxValueDepth, extent.size <= Self.maxOutputBytes else {
      throw error("a value is too deep or too large", .budgetExceeded)
    }
    return value
  }

  private mutating func evaluate(_ items: [TemplateExpression]) throws(TemplateError) -> [TemplateValue] {
    var values: [TemplateValue] = []
    for item in items { values.append(try evaluate(item)) }
    return values
  }

  private mutating func value(of expression: TemplateExpression) throws(TemplateError) -> TemplateValue {
    switch expression.kind {
    case .literal(let value): return value
    case .name(let name): return lookUp(name)
    case .list(let items): return .list(try evaluate(items))
    case .tuple(let items): return .tuple(try evaluate(items))
    case .dictionary(let members):
      var dictionary = TemplateDictionary()
      for (key, value) in members {
        let key = try evaluate(key)
        guard dictionary.set(key, try evaluate(value)) else {
          throw error("\(key.representation.prefix(40)) cannot be a key")
        }
      }
      return .dictionary(dictionary)
    case .attribute(let object, let name): return try attribute(name, of: try evaluate(object))
    case .subscripted(let object, let key): return try member(try evaluate(key), of: try evaluate(object))
    case .slice(let object, let lower, let upper, let step):
      return try slice(try evaluate(object), try optional(lower), try optional(upper), try optional(step))
    case .call(let callee, let arguments): return try call(try evaluate(callee), try evaluate(arguments))
    case .filter(let value, let name, let arguments):
      return try apply(filter: name, to: try evaluate(value), try evaluate(arguments))
    case .test(let value, let name, let arguments, let negated):
      return .bool(try test(name, try evaluate(value), try evaluate(arguments)) != negated)
    case .not(let value): return .bool(!(try evaluate(value).isTrue))
    case .negate(let value):
      switch try evaluate(value) {
      case .int(let number) where number != .min: return .int(-number)
      case .bool(let flag): return .int(flag ? -1 : 0)
      case .double(let number): return .double(-number)
      case let other: throw error("\(other.representation) cannot be negated")
      }
    case .binary(let symbol, let left, let right): return try binary(symbol, left, right)
    case .compare(let first, let links): return .bool(try compare(first, links))
    case .conditional(let value, let condition, let otherwise):
      if try evaluate(condition).isTrue { return try evaluate(value) }
      return try otherwise.map { other throws(TemplateError) in try evaluate(other) } ?? .undefined("")
    }
  }

  private mutating func optional(_ expression: TemplateExpression?) throws(TemplateError) -> Int? {
    guard let expression else { return nil }
    switch try evaluate(expression) {
    case .none: return nil
    case .int(let value): return Int(value)
    case .bool(let flag): return flag ? 1 : 0
    case let other: throw error("the slice bound \(other.representation) is not an integer")
    }
  }

  // MARK: Members

  private func attribute(_ name: String, of value: TemplateValue) throws(TemplateError) -> TemplateValue {
    switch value.plain {
    case .undefined(let what): throw error("'\(what)' is undefined")
    case .dictionary(let dictionary):
      if TemplateMethods.dictionary.contains(name) { return .method(value, name) }
      return dictionary[name] ?? .undefined(name)
    case .namespace(let namespace): return namespace[name] ?? .undefined(name)
    case .string where TemplateMethods.string.contains(name): return .method(value.plain, name)
    case .sequence where TemplateMethods.list.contains(name): return .method(value, name)
    default: return .undefined(name)
    }
  }

  private func member(_ key: TemplateValue, of value: TemplateValue) throws(TemplateError) -> TemplateValue {
    switch (value.plain, key.plain) {
    case (.undefined(let what), _): throw error("'\(what)' is undefined")
    case (.sequence(let items), .int(let index)):
      let place = index < 0 ? Int64(items.count) + index : index
      return place >= 0 && place < Int64(items.count) ? items[Int(place)] : .undefined("\(index)")
    case (.string(let text), .int(let index)):
      let scalars = Array(text.unicodeScalars)
      let place = index < 0 ? Int64(scalars.count) + index : index
      return place >= 0 && place < Int64(scalars.count) ? .string(String(scalars[Int(place)])) : .undefined("\(index)")
    case (.dictionary(let dictionary), .string(let name)):
      if let member = dictionary[name] { return member }
      return try attribute(name, of: value)
    case (.dictionary(let dictionary), _): return dictionary[key] ?? .undefined(key.text)
    case (_, .string(let name)): return try attribute(name, of: value)
    default: return .undefined(key.text)
    }
  }

  private func slice(_ value: TemplateValue, _ lower: Int?, _ upper: Int?, _ step: Int?) throws(TemplateError)
    -> TemplateValue
  {
    let items: [TemplateValue]
    switch value.plain {
    case .sequence(let list): items = list.items
    case .string: items = value.elements ?? []
    default: throw error("\(value.representation) cannot be sliced")
    }
    let stride = step ?? 1
    guard stride != 0, abs(stride) <= Self.maxItems else { throw error("a slice's step must not be 0") }
    func bound(_ given: Int?, _ fallback: Int, _ range: ClosedRange<Int>) -> Int {
      guard let given else { return fallback }
      let place = given < 0 ? max(given, -items.count - 1) + items.count : min(given, items.count)
      return min(max(place, range.lowerBound), range.upperBound)
    }
    var picked: [TemplateValue] = []
    if stride > 0 {
      let end = bound(upper, items.count, 0...items.count)
      var index = bound(lower, 0, 0...items.count)
      while index < end {
        picked.append(items[index])
        index += stride
      }
    } else {
      let end = bound(upper, -1, -1...max(-1, items.count - 1))
      var index = bound(lower, items.count - 1, -1...max(-1, items.count - 1))
      while index > end {
        picked.append(items[index])
        index += stride
      }
    }
    if case .string = value.plain { return .string(picked.map(\.text).joined()) }
    if case .sequence(let list) = value { return .sequence(TemplateSequence(picked, isTuple: list.isTuple)) }
    return .list(picked)
  }

  // MARK: Operators

  private mutating func binary(
    _ symbol: String, _ left: TemplateExpression, _ right: TemplateExpression
  ) throws(TemplateError) -> TemplateValue {
    let a = try evaluate(left)
    if symbol == "and" { return a.isTrue ? try evaluate(right) : a }
    if symbol == "or" { return a.isTrue ? a : try evaluate(right) }
    let b = try evaluate(right)
    switch (symbol, a, b) {
    // `~` joins plain text, as it does without automatic escaping.
    case ("+", .markup, .string), ("+", .string, .markup), ("+", .markup, .markup):
      let joined = TemplateText.escaped(a) + TemplateText.escaped(b)
      try charge(bytes: joined.utf8.count)
      return .markup(joined)
    case ("~", _, _):
      try charge(bytes: a.text.utf8.count + b.text.utf8.count)
      return .string(a.text + b.text)
    case ("+", .string(let x), .string(let y)):
      try charge(bytes: x.utf8.count + y.utf8.count)
      return .string(x + y)
    case ("+", .sequence(let x), .sequence(let y)) where x.isTuple == y.isTuple:
      try charge(bytes: x.count + y.count)
      return .sequence(TemplateSequence(x.items + y.items, isTuple: x.isTuple))
    case ("*", .sequence(let items), .int(let count)), ("*", .int(let count), .sequence(let items)):
      let times = max(0, min(count, Int64(Self.maxItems) + 1))
      guard items.count * Int(times) <= Self.maxItems else { throw error("the list is too long", .budgetExceeded) }
      try charge(bytes: items.count * Int(times))
      return .sequence(
        TemplateSequence((0..<Int(times)).flatMap { _ in items.items }, isTuple: items.isTuple))
    case ("*", .string(let text), .int(let count)), ("*", .int(let count), .string(let text)):
      let times = max(0, min(count, Int64(Self.maxOutputBytes) + 1))
      let (bytes, overflow) = text.utf8.count.multipliedReportingOverflow(by: Int(times))
      try charge(bytes: overflow ? .max : bytes)
      return .string(String(repeating: text, count: Int(times)))
    case ("%", .string(let format), _), ("%", .markup(let format), _):
      return .string(try formatted(format, b))
    default: return try arithmetic(symbol, a, b)
    }
  }

  private func arithmetic(_ symbol: String, _ a: TemplateValue, _ b: TemplateValue) throws(TemplateError)
    -> TemplateValue
  {
    if let x = a.integer, let y = b.integer, symbol != "/" {
      let result: (partialValue: Int64, overflow: Bool)
      switch symbol {
      case "+": result = x.addingReportingOverflow(y)
      case "-": result = x.subtractingReportingOverflow(y)
      case "*": result = x.multipliedReportingOverflow(by: y)
      case "//", "%":
        guard y != 0 else { throw error("division by zero") }
        guard !(x == .min && y == -1) else { throw error("the result is out of range") }
        let quotient = x / y - ((x % y != 0 && (x < 0) != (y < 0)) ? 1 : 0)
        result = (symbol == "//" ? quotient : x - quotient * y, false)
      case "**":
        var power: Int64 = 1
        guard y >= 0 else {
          guard x != 0 else { throw error("0 cannot be raised to a negative power") }
          return .double(pow(Double(x), Double(y)))
        }
        for _ in 0..<min(y, 64) {
          let (next, overflow) = power.multipliedReportingOverflow(by: x)
          guard !overflow else { throw error("the result is out of range") }
          power = next
        }
        guard y <= 64 || (-1...1).contains(x) else { throw error("the result is out of range") }
        result = (y > 64 && x == -1 && y % 2 == 0 ? 1 : power, false)
      default: throw error("'\(symbol)' is not an operator of numbers")
      }
      guard !result.overflow else { throw error("the result is out of range") }
      return .int(result.partialValue)
    }
    guard let x = a.number, let y = b.number else {
      if case .undefined(let name) = a { throw error("'\(name)' is undefined") }
      if case .undefined(let name) = b { throw error("'\(name)' is undefined") }
      throw error("'\(symbol)' does not work on \(a.representation.prefix(40)) and \(b.representation.prefix(40))")
    }
    switch symbol {
    case "+": return .double(x + y)
    case "-": return .double(x - y)
    case "*": return .double(x * y)
    case "**": return .double(pow(x, y))
    case "/", "//", "%":
      guard y != 0 else { throw error("division by zero") }
      return .double(symbol == "/" ? x / y : symbol == "//" ? (x / y).rounded(.down) : x - (x / y).rounded(.down) * y)
    default: throw error("'\(symbol)' is not an operator of numbers")
    }
  }

  private mutating func compare(
    _ first: TemplateExpression, _ links: [(String, TemplateExpression)]
  ) throws(TemplateError) -> Bool {
    var left = try evaluate(first)
    for (symbol, expression) in links {
      let right = try evaluate(expression)
      guard try holds(symbol, left, right) else { return false }
      left = right
    }
    return true
  }

  private func holds(_ symbol: String, _ a: TemplateValue, _ b: TemplateValue) throws(TemplateError) -> Bool {
    switch symbol {
    case "==": return a.equals(b)
    case "!=": return !a.equals(b)
    case "in": return try contains(b, a)
    case "not in": return !(try contains(b, a))
    default:
      guard let less = a.isLess(than: b), let more = b.isLess(than: a) else {
        throw error("\(a.representation.prefix(40)) and \(b.representation.prefix(40)) have no order")
      }
      switch symbol {
      case "<": return less
      case ">": return more
      case "<=": return !more
      default: return !less
      }
    }
  }

  func contains(_ container: TemplateValue, _ item: TemplateValue) throws(TemplateError) -> Bool {
    switch container.plain {
    case .undefined: return false
    case .string(let text):
      guard case .string(let part) = item.plain else { throw error("'in' needs text on its left") }
      return part.isEmpty || text.contains(part)
    case .sequence(let items): return items.contains { $0.equals(item) }
    case .dictionary(let dictionary): return dictionary[item] != nil
    default: throw error("'in' does not work on \(container.representation)")
    }
  }

  /// Python's `%` formatting.
  private func formatted(_ format: String, _ value: TemplateValue) throws(TemplateError) -> String {
    do { return try TemplateFormat.formatted(format, value) } catch { throw self.error(error.message) }
  }
}
