extension TemplateEvaluator {
  mutating func evaluate(_ expression: TemplateExpression) throws(TemplateError) -> TemplateValue {
    do {
      try runtime.budget.step()
      let value = try nested { evaluator throws(TemplateError) in try evaluator.value(of: expression.kind) }
      try runtime.budget.check(value.extent)
      return value
    } catch { throw error.at(expression.place) }
  }

  mutating func evaluate(_ arguments: TemplateExpression.Arguments) throws(TemplateError) -> TemplateArguments {
    var result = TemplateArguments()
    result.positional = try evaluate(arguments.positional)
    for (name, argument) in arguments.named { result.named.append((name, try evaluate(argument))) }
    if let more = arguments.morePositional {
      result.positional += try runtime.elements(of: try evaluate(more))
    }
    if let more = arguments.moreNamed {
      guard case .dictionary(let members) = try evaluate(more) else {
        throw TemplateError("a dictionary is needed after '**'")
      }
      for (key, value) in members.members {
        guard let name = key.string else { throw TemplateError("the names of arguments must be texts") }
        guard !result.named.contains(where: { $0.name == name }) else {
          throw TemplateError("the argument '\(name)' is given twice")
        }
        result.named.append((name, value))
      }
    }
    return result
  }

  private mutating func evaluate(_ items: [TemplateExpression]) throws(TemplateError) -> [TemplateValue] {
    var values: [TemplateValue] = []
    for item in items { values.append(try evaluate(item)) }
    return values
  }

  private mutating func value(of kind: TemplateExpression.Kind) throws(TemplateError) -> TemplateValue {
    switch kind {
    case .literal(let value): return value
    case .name(let name): return lookUp(name)
    case .list(let items): return .list(try evaluate(items))
    case .tuple(let items): return .tuple(try evaluate(items))
    case .dictionary(let members): return try dictionary(members)
    case .attribute(let object, let name):
      // First the object: it may be new to the runtime.
      let value = try evaluate(object)
      return try runtime.attribute(name, of: value)
    case .subscripted(let object, let key):
      let value = try evaluate(object)
      return try runtime.member(try evaluate(key), of: value)
    case .slice(let object, let lower, let upper, let step): return try slice(object, lower, upper, step)
    case .call(let callee, let arguments):
      let function = try evaluate(callee)
      return try call(function, try evaluate(arguments))
    case .filter(let value, let filter, let arguments):
      let value = try evaluate(value)
      return try filter.apply(to: value, try evaluate(arguments), &runtime)
    case .test(let value, let test, let arguments):
      let value = try evaluate(value)
      return .bool(try test.holds(for: value, try evaluate(arguments), &runtime))
    case .not(let value): return .bool(!(try evaluate(value).isTrue))
    case .signed(let value, let isNegative):
      return try TemplateArithmetic.signed(try evaluate(value), isNegative: isNegative)
    case .concatenation(let parts): return try concatenation(parts)
    case .binary(let operation, let left, let right):
      let a = try evaluate(left)
      return try TemplateArithmetic.result(operation, a, try evaluate(right), &runtime)
    case .both(let left, let right):
      let value = try evaluate(left)
      return value.isTrue ? try evaluate(right) : value
    case .either(let left, let right):
      let value = try evaluate(left)
      return value.isTrue ? value : try evaluate(right)
    case .compare(let first, let links): return try compare(first, links)
    case .conditional(let value, let condition, let otherwise):
      if try evaluate(condition).isTrue { return try evaluate(value) }
      guard let otherwise else {
        return .undefined(TemplateUndefined(reason: "an inline 'if' without 'else' did not hold"))
      }
      return try evaluate(otherwise)
    case .fault(let message): throw TemplateError(message)
    }
  }

  private func lookUp(_ name: String) -> TemplateValue {
    scopes.value(of: name) ?? TemplateFunction(rawValue: name).map { .function($0) }
      ?? .undefined(TemplateUndefined(name: name))
  }

  private mutating func dictionary(
    _ members: [(key: TemplateExpression, value: TemplateExpression)]
  ) throws(TemplateError) -> TemplateValue {
    var dictionary = TemplateDictionary()
    for (key, value) in members {
      let key = try evaluate(key)
      try dictionary.set(key, try evaluate(value))
    }
    return .dictionary(dictionary)
  }

  private mutating func slice(
    _ object: TemplateExpression, _ lower: TemplateExpression?, _ upper: TemplateExpression?,
    _ step: TemplateExpression?
  ) throws(TemplateError) -> TemplateValue {
    let value = try evaluate(object)
    var bounds: [TemplateValue?] = []
    for bound in [lower, upper, step] {
      if let bound { bounds.append(try evaluate(bound)) } else { bounds.append(nil) }
    }
    if case .undefined(let what) = value { throw TemplateError(what.message) }
    return try runtime.slice(value, try TemplateSlice(lower: bounds[0], upper: bounds[1], step: bounds[2]))
  }

  private mutating func concatenation(_ parts: [TemplateExpression]) throws(TemplateError) -> TemplateValue {
    var result = ""
    for part in parts {
      let text = try runtime.text(of: try evaluate(part))
      result += text
      try runtime.budget.charge(text: text, total: result.utf8.count)
    }
    return .string(result)
  }

  private mutating func compare(
    _ first: TemplateExpression, _ links: [(comparison: TemplateComparison, value: TemplateExpression)]
  ) throws(TemplateError) -> TemplateValue {
    var left = try evaluate(first)
    for (comparison, expression) in links {
      let right = try evaluate(expression)
      guard try runtime.compare(comparison, left, right) else { return .bool(false) }
      left = right
    }
    return .bool(true)
  }
}
