/// Filters of lists and dictionaries.
struct TemplateListFilters {
  let filter: TemplateFilter
  let value: TemplateValue
  let arguments: [TemplateValue?]

  func result(_ runtime: inout TemplateRuntime) throws(TemplateError) -> TemplateValue {
    switch filter {
    case .length:
      guard let length = value.length else { throw TemplateError("\(value.typeName) has no length") }
      return .int(Int64(length))
    case .first: return try runtime.first(of: value) ?? nothing
    case .last:
      guard value.length != nil else { throw TemplateError("\(value.typeName) has no last item") }
      return try runtime.elements(of: value).last ?? nothing
    case .list: return .list(try runtime.elements(of: value))
    case .reverse:
      let items = try runtime.elements(of: value)
      guard value.string != nil else { return try runtime.iterator(items.reversed()) }
      return .string(items.reversed().compactMap(\.string).joined())
    case .items:
      if value.isUndefined { return try runtime.iterator([]) }
      guard case .dictionary(let members) = value else { throw TemplateError("the filter items needs a dictionary") }
      return try runtime.iterator(members.elements(.items))
    case .dictsort: return try sortedMembers()
    case .join: return .string(try joined(&runtime))
    case .sum:
      var total = arguments[1] ?? .int(0)
      for item in try attributes(try runtime.elements(of: value), arguments[0], &runtime) {
        try runtime.budget.step()
        total = try TemplateArithmetic.result(.add, total, item, &runtime)
        try runtime.budget.check(total.extent)
      }
      return total
    case .min, .max: return try extreme(&runtime)
    case .unique: return try unique(&runtime)
    case .sort: return try sorted(&runtime)
    case .groupby: return try grouped(&runtime)
    case .batch: return try batches(&runtime)
    default: return try slices(&runtime)
    }
  }

  private var nothing: TemplateValue { .undefined(TemplateUndefined(reason: "the sequence is empty")) }

  /// An attribute of each item, or the items.
  private func attributes(
    _ items: [TemplateValue], _ attribute: TemplateValue?, default fallback: TemplateValue? = nil,
    _ runtime: inout TemplateRuntime
  ) throws(TemplateError) -> [TemplateValue] {
    guard let attribute, !attribute.isNone else { return items }
    var results: [TemplateValue] = []
    for item in items {
      try runtime.budget.step()
      results.append(try runtime.member(at: attribute, of: item, default: fallback))
    }
    return results
  }

  private func joined(_ runtime: inout TemplateRuntime) throws(TemplateError) -> String {
    let items = try attributes(try runtime.elements(of: value), arguments[1], &runtime)
    let separator = try arguments[0].map { value throws(TemplateError) in try runtime.text(of: value) } ?? ""
    var size = 0
    var texts: [String] = []
    for item in items {
      texts.append(try runtime.text(of: item))
      size += texts[texts.count - 1].utf8.count + separator.utf8.count
      try runtime.budget.charge(text: texts[texts.count - 1], total: size)
    }
    return texts.joined(separator: separator)
  }

  // MARK: Order

  private func sortedMembers() throws(TemplateError) -> TemplateValue {
    guard case .dictionary(let dictionary) = value else {
      throw TemplateError("the filter dictsort needs a dictionary")
    }
    let by = arguments[1]?.string ?? "key", caseSensitive = arguments[0]?.isTrue ?? false
    guard by == "key" || by == "value" else { throw TemplateError("the filter dictsort: by must be 'key' or 'value'") }
    let members = try TemplateOrder.sorted(dictionary.members, isReversed: arguments[2]?.isTrue ?? false) {
      TemplateOrder.key(by == "key" ? $0.key : $0.value, caseSensitive: caseSensitive)
    }
    return .list(members.map { .tuple([$0.key, $0.value]) })
  }

  private func extreme(_ runtime: inout TemplateRuntime) throws(TemplateError) -> TemplateValue {
    let items = try runtime.elements(of: value), caseSensitive = arguments[0]?.isTrue ?? false
    let keys = try attributes(items, arguments[1], &runtime).map {
      TemplateOrder.key($0, caseSensitive: caseSensitive)
    }
    guard !keys.isEmpty else { return nothing }
    var best = 0
    for index in keys.indices.dropFirst() {
      let (a, b) = filter == .min ? (keys[index], keys[best]) : (keys[best], keys[index])
      if try runtime.compare(.less, a, b) { best = index }
    }
    return items[best]
  }

  private func sorted(_ runtime: inout TemplateRuntime) throws(TemplateError) -> TemplateValue {
    let items = try runtime.elements(of: value), caseSensitive = arguments[1]?.isTrue ?? false
    var keys = items.map { [TemplateOrder.key($0, caseSensitive: caseSensitive)] }
    if let attribute = arguments[2], !attribute.isNone {
      // Several attributes are separated by commas.
      let names = attribute.string.map { $0.split(separator: ",").map { TemplateValue.string(String($0)) } }
      keys = items.map { _ in [] }
      for name in names ?? [attribute] {
        for (index, key) in try attributes(items, name, &runtime).enumerated() {
          keys[index].append(TemplateOrder.key(key, caseSensitive: caseSensitive))
        }
      }
    }
    try runtime.budget.charge(bytes: keys.reduce(0) { $0 + $1.reduce(0) { $0 + min($1.extent.size, 1 << 20) } })
    let pairs = zip(keys, items).map { (key: TemplateValue.list($0), item: $1) }
    let order = try TemplateOrder.sorted(pairs, isReversed: arguments[0]?.isTrue ?? false) { $0.key }
    return .list(order.map(\.item))
  }

  private func unique(_ runtime: inout TemplateRuntime) throws(TemplateError) -> TemplateValue {
    let items = try runtime.elements(of: value), caseSensitive = arguments[0]?.isTrue ?? false
    var seen: Set<TemplateKey> = []
    var kept: [TemplateValue] = []
    for (item, key) in zip(items, try attributes(items, arguments[1], &runtime)) {
      if seen.insert(try TemplateKey(TemplateOrder.key(key, caseSensitive: caseSensitive))).inserted {
        kept.append(item)
      }
    }
    return try runtime.iterator(kept)
  }

  private func grouped(_ runtime: inout TemplateRuntime) throws(TemplateError) -> TemplateValue {
    let items = try runtime.elements(of: value), caseSensitive = arguments[2]?.isTrue ?? false
    let fallback = arguments[1].flatMap { $0.isNone ? nil : $0 }
    let keys = try attributes(items, arguments[0], default: fallback, &runtime)
    let pairs = zip(keys, items).map { key, item in
      (key: key, order: TemplateOrder.key(key, caseSensitive: caseSensitive), item: item)
    }
    var groups: [(key: TemplateValue, order: TemplateValue, items: [TemplateValue])] = []
    for pair in try TemplateOrder.sorted(pairs, by: \.order) {
      if let last = groups.last, last.order.equals(pair.order) {
        groups[groups.count - 1].items.append(pair.item)
      } else {
        groups.append((pair.key, pair.order, [pair.item]))
      }
    }
    return .list(groups.map { .sequence(TemplateSequence([$0.key, .list($0.items)], .group)) })
  }

  // MARK: Parts

  private func count(_ what: String) throws(TemplateError) -> Int {
    guard let count = arguments[0]?.integer else {
      throw TemplateError("the filter \(filter.rawValue): \(what) must be an integer")
    }
    return Int(min(max(count, -1), Int64(TemplateBudget.maxItems) + 1))
  }

  private var fill: TemplateValue? { arguments[1].flatMap { $0.isNone ? nil : $0 } }

  private func batches(_ runtime: inout TemplateRuntime) throws(TemplateError) -> TemplateValue {
    let size = try count("linecount")
    var batches: [TemplateValue] = []
    var batch: [TemplateValue] = []
    for item in try runtime.elements(of: value) {
      if batch.count == size {
        batches.append(.list(batch))
        batch = []
      }
      batch.append(item)
    }
    guard !batch.isEmpty else { return try runtime.iterator(batches) }
    if let fill, batch.count < size {
      try runtime.budget.charge(items: size)
      batch += [TemplateValue](repeating: fill, count: size - batch.count)
    }
    return try runtime.iterator(batches + [.list(batch)])
  }

  private func slices(_ runtime: inout TemplateRuntime) throws(TemplateError) -> TemplateValue {
    let count = try count("slices"), items = try runtime.elements(of: value)
    guard count != 0 else { throw TemplateError("the filter slice: slices must not be 0") }
    try runtime.budget.charge(items: max(0, count))
    var slices: [TemplateValue] = []
    var start = 0
    for index in 0..<max(0, count) {
      let hasExtra = index < items.count % count, end = start + items.count / count + (hasExtra ? 1 : 0)
      slices.append(.list(Array(items[start..<end]) + (hasExtra ? [] : [fill].compactMap { $0 })))
      start = end
    }
    return try runtime.iterator(slices)
  }
}
