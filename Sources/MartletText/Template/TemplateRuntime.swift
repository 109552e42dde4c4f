/// What the operations on values share: the budget, the clock and the objects that templates change.
struct TemplateRuntime {
  var budget = TemplateBudget()
  let clock: TemplateClock
  private let blocks: Set<String>
  private var objects: [TemplateObject] = []

  init(clock: TemplateClock, blocks: Set<String>) {
    self.clock = clock
    self.blocks = blocks
  }

  // MARK: Objects

  mutating func add(_ object: TemplateObject) throws(TemplateError) -> TemplateObject.ID {
    guard objects.count < TemplateBudget.maxObjects else {
      throw TemplateError("the template makes more than \(TemplateBudget.maxObjects) objects", .budgetExceeded)
    }
    objects.append(object)
    return TemplateObject.ID(index: objects.count - 1)
  }

  mutating func iterator(_ items: [TemplateValue]) throws(TemplateError) -> TemplateValue {
    .object(try add(.iterator(items, position: 0)))
  }

  subscript(id: TemplateObject.ID) -> TemplateObject {
    get { objects[id.index] }
    set { objects[id.index] = newValue }
  }

  // MARK: Iteration

  /// What a `for` runs over. An iterator is empty afterwards.
  mutating func elements(of value: TemplateValue) throws(TemplateError) -> [TemplateValue] {
    if case .object(let id) = value, case .iterator(let items, let position) = self[id] {
      self[id] = .iterator([], position: 0)
      return Array(items[position...])
    }
    guard let length = value.length else { throw TemplateError("\(value.typeName) is not iterable") }
    try budget.charge(items: length)
    return value.elements ?? []
  }

  /// The first item; an iterator moves on.
  mutating func first(of value: TemplateValue) throws(TemplateError) -> TemplateValue? {
    switch value {
    case .object(let id):
      guard case .iterator(let items, let position) = self[id], position < items.count else { break }
      self[id] = .iterator(items, position: position + 1)
      return items[position]
    case .string(let text): return text.unicodeScalars.first.map { .string(String($0)) }
    default: break
    }
    return try elements(of: value).first
  }

  func isIterable(_ value: TemplateValue) -> Bool {
    guard case .object(let id) = value else { return value.length != nil }
    if case .iterator = self[id] { return true }
    return false
  }

  func isCallable(_ value: TemplateValue) -> Bool {
    switch value {
    case .undefined, .macro, .method: return true
    case .function(let function): return function != .blocks
    case .object(let id):
      switch self[id] {
      case .joiner, .loop: return true
      default: return false
      }
    default: return false
    }
  }

  // MARK: Members

  /// `value.name`: an attribute, or else an item.
  func attribute(_ name: String, of value: TemplateValue) throws(TemplateError) -> TemplateValue {
    if case .undefined(let what) = value { throw TemplateError(what.message) }
    if let member = ownAttribute(name, of: value) { return member }
    if case .dictionary(let dictionary) = value, let item = dictionary[name] { return item }
    return .undefined(TemplateUndefined(member: name, of: value))
  }

  /// What Python's `getattr` finds and the sandbox allows.
  func ownAttribute(_ name: String, of value: TemplateValue) -> TemplateValue? {
    switch value {
    case .string, .markup: return TemplateTextMethods.parameters[name] == nil ? nil : .method(value, name)
    case .dictionary: return TemplateMethods.dictionary[name] == nil ? nil : .method(value, name)
    case .sequence(let items):
      if items.kind == .group, items.count == 2, name == "grouper" || name == "list" {
        return items[name == "grouper" ? 0 : 1]
      }
      if name == "copy", items.isTuple { return nil }
      return TemplateMethods.list[name] == nil ? nil : .method(value, name)
    case .bool, .int, .double: return TemplateMethods.numberAttribute(name, of: value)
    case .range(let range):
      switch name {
      case "start": return .int(Int64(range.start))
      case "stop": return .int(Int64(range.stop))
      case "step": return .int(Int64(range.step))
      default: return nil
      }
    case .macro(let macro): return macro.attribute(name)
    case .function(.blocks): return blocks.contains(name) ? .method(value, name) : nil
    case .object(let id): return objectAttribute(name, id)
    default: return nil
    }
  }

  private func objectAttribute(_ name: String, _ id: TemplateObject.ID) -> TemplateValue? {
    switch self[id] {
    case .namespace(let members): return members[name]
    case .loop(let loop):
      return TemplateLoop.methods.contains(name) ? .method(.object(id), name) : loop.attribute(name)
    case .cycler(let items, let position):
      if name == "current" { return items[position] }
      return ["next", "reset"].contains(name) ? .method(.object(id), name) : nil
    case .joiner, .iterator: return nil
    }
  }

  /// `value[key]`: an item, or else an attribute.
  mutating func member(_ key: TemplateValue, of value: TemplateValue) throws(TemplateError) -> TemplateValue {
    switch (value, key) {
    case (.undefined(let what), _): throw TemplateError(what.message)
    case (.dictionary(let dictionary), _):
      if let item = try? dictionary[key] { return item }
    case (.sequence(let items), _):
      if let place = Self.place(key, count: items.count) { return items[place] }
    case (.range(let range), _):
      if let place = Self.place(key, count: range.count) { return range[place] }
    case (.string(let text), _), (.markup(let text), _):
      guard let index = key.integer else { break }
      try budget.charge(bytes: text.utf8.count)
      let scalars = text.unicodeScalars
      guard index.magnitude <= text.utf8.count else { break }
      let end = index < 0 ? scalars.endIndex : scalars.startIndex
      let limit = index < 0 ? scalars.startIndex : scalars.endIndex
      guard let place = scalars.index(end, offsetBy: Int(index), limitedBy: limit), place < scalars.endIndex else {
        break
      }
      let character = String(scalars[place])
      if case .markup = value { return .markup(character) }
      return .string(character)
    default: break
    }
    let name = try text(of: key)
    return ownAttribute(name, of: value) ?? .undefined(TemplateUndefined(member: name, of: value))
  }

  private static func place(_ key: TemplateValue, count: Int) -> Int? {
    guard let index = key.integer else { return nil }
    let place = index < 0 ? Int64(count) + index : index
    return place >= 0 && place < Int64(count) ? Int(place) : nil
  }

  /// A member by a dotted path or a number, as filters name attributes.
  mutating func member(
    at path: TemplateValue, of value: TemplateValue, default fallback: TemplateValue? = nil
  ) throws(TemplateError) -> TemplateValue {
    guard let path = path.string else { return try orFallback(try member(path, of: value), fallback) }
    var current = value
    for part in path.split(separator: ".", omittingEmptySubsequences: false) {
      let key = Int64(part).flatMap { $0 >= 0 ? TemplateValue.int($0) : nil } ?? .string(String(part))
      current = try orFallback(try member(key, of: current), fallback)
    }
    return current
  }

  private func orFallback(_ value: TemplateValue, _ fallback: TemplateValue?) throws(TemplateError) -> TemplateValue {
    value.isUndefined ? fallback ?? value : value
  }

  mutating func slice(_ value: TemplateValue, _ slice: TemplateSlice) throws(TemplateError) -> TemplateValue {
    switch value {
    case .undefined(let what): throw TemplateError(what.message)
    case .sequence(let items):
      try budget.charge(items: slice.bounds(count: items.count).count)
      return .sequence(items.with(slice.picked(from: items.items)))
    case .range(let range): return .range(range.sliced(slice))
    case .string(let text), .markup(let text):
      try budget.charge(bytes: text.utf8.count)
      let part = String(String.UnicodeScalarView(slice.picked(from: Array(text.unicodeScalars))))
      if case .markup = value { return .markup(part) }
      return .string(part)
    default: throw TemplateError("\(value.typeName) cannot be sliced")
    }
  }

  // MARK: Comparison

  mutating func compare(
    _ comparison: TemplateComparison, _ a: TemplateValue, _ b: TemplateValue
  ) throws(TemplateError) -> Bool {
    try budget.charge(bytes: min(a.extent.size, b.extent.size))
    switch comparison {
    case .equal: return a.equals(b)
    case .notEqual: return !a.equals(b)
    case .isIn: return try contains(b, a)
    case .isNotIn: return !(try contains(b, a))
    case .less: return try isLess(a, b, comparison)
    case .greater: return try isLess(b, a, comparison)
    case .lessOrEqual: return try isLess(a, b, comparison) || a.equals(b)
    case .greaterOrEqual: return try isLess(b, a, comparison) || a.equals(b)
    }
  }

  /// Python's `<`.
  func isLess(
    _ a: TemplateValue, _ b: TemplateValue, _ comparison: TemplateComparison = .less
  ) throws(TemplateError) -> Bool {
    if let less = a.isLess(than: b) { return less }
    for case .undefined(let what) in [a, b] { throw TemplateError(what.message) }
    throw TemplateError("\(a.typeName) and \(b.typeName) have no order: '\(comparison.rawValue)' cannot compare them")
  }

  private mutating func contains(_ container: TemplateValue, _ item: TemplateValue) throws(TemplateError) -> Bool {
    switch container {
    case .string(let text), .markup(let text):
      guard let part = item.string else { throw TemplateError("'in' needs text before a text, not \(item.typeName)") }
      try budget.charge(bytes: text.utf8.count)
      return TemplateSearch(part).first(in: text) != nil
    case .dictionary(let dictionary), .view(let dictionary, .keys): return try dictionary[item] != nil
    case .range(let range): return range.contains(item)
    default:
      try budget.charge(bytes: container.extent.size)
      return try elements(of: container).contains { $0.equals(item) }
    }
  }

  // MARK: Text

  /// Python's `str()`.
  mutating func text(of value: TemplateValue) throws(TemplateError) -> String {
    switch value {
    case .string(let text), .markup(let text): return text
    case .undefined: return ""
    case .int(let number): return String(number)
    default: return try representation(of: value)
    }
  }

  /// Python's `repr()`.
  mutating func representation(of value: TemplateValue) throws(TemplateError) -> String {
    var writer = TemplateRepresentation(self)
    try writer.write(value)
    try budget.charge(bytes: writer.text.utf8.count)
    return writer.text
  }
}
