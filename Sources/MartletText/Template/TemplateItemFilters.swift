/// Filters that apply another filter or test to each item.
struct TemplateItemFilters {
  let filter: TemplateFilter
  let value: TemplateValue

  func result(
    _ arguments: TemplateArguments, _ runtime: inout TemplateRuntime
  ) throws(TemplateError) -> TemplateValue {
    // These look whether there is anything before they iterate.
    let items = value.isTrue ? try runtime.elements(of: value) : []
    if filter == .map { return try runtime.iterator(try mapped(items, arguments, &runtime)) }
    var rest = arguments
    var attribute: TemplateValue?
    if filter == .selectattr || filter == .rejectattr {
      guard !rest.positional.isEmpty else { throw TemplateError("the filter \(filter.rawValue) needs an attribute") }
      attribute = rest.positional.removeFirst()
    }
    let test: TemplateTest?
    if rest.positional.isEmpty {
      test = nil
    } else {
      let name = try runtime.text(of: rest.positional.removeFirst())
      guard let known = TemplateTest(named: name) else { throw TemplateError("there is no test '\(name)'") }
      test = known
    }
    let keeps = filter == .select || filter == .selectattr
    var kept: [TemplateValue] = []
    for item in items {
      try runtime.budget.step()
      let subject = if let attribute { try runtime.member(at: attribute, of: item) } else { item }
      let holds = if let test { try test.holds(for: subject, rest, &runtime) } else { subject.isTrue }
      if holds == keeps { kept.append(item) }
    }
    return try runtime.iterator(kept)
  }

  private func mapped(
    _ items: [TemplateValue], _ arguments: TemplateArguments, _ runtime: inout TemplateRuntime
  ) throws(TemplateError) -> [TemplateValue] {
    var rest = arguments
    var results: [TemplateValue] = []
    if rest.positional.isEmpty, let attribute = rest.take("attribute") {
      let fallback = rest.take("default").flatMap { $0.isNone ? nil : $0 }
      if let other = rest.named.first { throw TemplateError("the filter map takes no argument named '\(other.name)'") }
      for item in items {
        try runtime.budget.step()
        results.append(try runtime.member(at: attribute, of: item, default: fallback))
      }
      return results
    }
    guard !rest.positional.isEmpty else { throw TemplateError("the filter map needs a filter or an attribute") }
    let name = try runtime.text(of: rest.positional.removeFirst())
    guard let filter = TemplateFilter(named: name) else { throw TemplateError(TemplateFilter.refusal(of: name)) }
    for item in items {
      try runtime.budget.step()
      let result = try filter.apply(to: item, rest, &runtime)
      try runtime.budget.check(result.extent)
      results.append(result)
    }
    return results
  }
}
