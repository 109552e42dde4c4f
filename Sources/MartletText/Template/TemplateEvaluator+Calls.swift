extension TemplateEvaluator {
  mutating func call(_ callee: TemplateValue, _ arguments: TemplateArguments) throws(TemplateError) -> TemplateValue {
    switch callee {
    case .macro(let macro): return .string(try run(macro, arguments))
    case .function(let function): return try function.call(arguments, &runtime)
    case .method(.function(.blocks), let name):
      let body = program.blocks[name] ?? []
      return .string(
        try scoped(inside: TemplateScopes.top) { evaluator throws(TemplateError) in try evaluator.text(of: body) })
    case .method(let receiver, let name): return try TemplateMethods.call(name, on: receiver, arguments, &runtime)
    case .object(let id): return try call(id, arguments)
    case .undefined(let what): throw TemplateError(what.message)
    default: throw TemplateError("\(callee.typeName) cannot be called")
    }
  }

  private mutating func call(
    _ id: TemplateObject.ID, _ arguments: TemplateArguments
  ) throws(TemplateError) -> TemplateValue {
    switch runtime[id] {
    case .joiner(let separator, let isUsed):
      runtime[id] = .joiner(separator: separator, isUsed: true)
      return isUsed ? separator : .string("")
    case .loop(let loop):
      guard let (statement, scope) = loop.recursion else {
        throw TemplateError("only a loop that is marked 'recursive' can be called")
      }
      let items = try TemplateParameters("iterable", required: 1).bind(arguments, of: "loop")[0] ?? .none
      return .string(
        try captured { evaluator throws(TemplateError) in
          try evaluator.run(statement, over: items, depth: loop.nextDepth, inside: scope)
        })
    default: throw TemplateError("this object cannot be called")
    }
  }

  /// `{% call %}`: the body is the macro `caller` of the called macro.
  mutating func call(
    _ caller: TemplateNode.Macro, _ callee: TemplateExpression, _ arguments: TemplateExpression.Arguments
  ) throws(TemplateError) {
    scopes.pin()
    let value = TemplateValue.macro(TemplateMacro(definition: caller, scope: scopes.current))
    let function = try evaluate(callee)
    var arguments = try evaluate(arguments)
    arguments.named.append(("caller", value))
    try write(try runtime.text(of: try call(function, arguments)))
  }

  private mutating func run(_ macro: TemplateMacro, _ arguments: TemplateArguments) throws(TemplateError) -> String {
    let definition = macro.definition
    var rest = arguments
    let count = definition.parameters.count
    var given = rest.positional.prefix(count).map(Optional.some)
    let more = Array(rest.positional.dropFirst(count))
    for parameter in definition.parameters.dropFirst(given.count) { given.append(rest.take(parameter.name)) }
    let caller = definition.takesCaller ? rest.take("caller") : nil
    if !definition.takesKeywords, let other = rest.named.first {
      throw TemplateError("the macro '\(definition.name)' takes no argument named '\(other.name)'")
    }
    guard definition.takesMore || more.isEmpty else {
      throw TemplateError("the macro '\(definition.name)' takes at most \(count) arguments")
    }
    return try scoped(inside: macro.scope) { evaluator throws(TemplateError) in
      if definition.takesCaller {
        evaluator.scopes.assign("caller", caller ?? .undefined(TemplateUndefined(reason: "there is no caller")))
      }
      if definition.takesKeywords {
        var members = TemplateDictionary()
        for (name, value) in rest.named { members[name] = value }
        evaluator.scopes.assign("kwargs", .dictionary(members))
      }
      if definition.takesMore { evaluator.scopes.assign("varargs", .tuple(more)) }
      for (parameter, value) in zip(definition.parameters, given) {
        evaluator.scopes.assign(parameter.name, try evaluator.argument(value, parameter))
      }
      return try evaluator.text(of: definition.body)
    }
  }

  private mutating func argument(
    _ given: TemplateValue?, _ parameter: (name: String, value: TemplateExpression?)
  ) throws(TemplateError) -> TemplateValue {
    if let given { return given }
    guard let value = parameter.value else {
      return .undefined(TemplateUndefined(reason: "the parameter '\(parameter.name)' is not given"))
    }
    return try evaluate(value)
  }
}
