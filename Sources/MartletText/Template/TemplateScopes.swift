/// The variables of a run. Scopes refer to their parents by number, so macros can hold on to theirs without cycles.
struct TemplateScopes {
  private struct Scope {
    var variables: [String: TemplateValue]
    let parent: Int
  }

  /// What `leave` goes back to.
  struct Mark {
    fileprivate let current: Int
    fileprivate let count: Int
  }

  static let top = 0
  private static let maxCount = 500_000

  private var scopes: [Scope]
  private(set) var current = Self.top
  /// Scopes below this number stay: a macro may refer to them.
  private var pinned = 1

  init(_ variables: [String: TemplateValue]) { scopes = [Scope(variables: variables, parent: -1)] }

  /// Opens a scope inside another one, or inside the current one.
  mutating func enter(inside parent: Int? = nil) throws(TemplateError) -> Mark {
    guard scopes.count < Self.maxCount else {
      throw TemplateError("the template makes more than \(Self.maxCount) scopes", .budgetExceeded)
    }
    let mark = Mark(current: current, count: scopes.count)
    scopes.append(Scope(variables: [:], parent: parent ?? current))
    current = scopes.count - 1
    return mark
  }

  mutating func leave(_ mark: Mark) {
    current = mark.current
    scopes.removeLast(max(0, scopes.count - max(mark.count, pinned)))
  }

  /// Keeps the current scope and all before it until the end.
  mutating func pin() { pinned = scopes.count }

  func value(of name: String) -> TemplateValue? {
    var index = current
    while index >= 0 {
      if let value = scopes[index].variables[name] { return value }
      index = scopes[index].parent
    }
    return nil
  }

  mutating func assign(_ name: String, _ value: TemplateValue) { scopes[current].variables[name] = value }
}
