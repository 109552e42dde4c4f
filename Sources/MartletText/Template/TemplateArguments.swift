/// Evaluated arguments of a call, in its order.
struct TemplateArguments: Sendable {
  var positional: [TemplateValue] = []
  var named: [(name: String, value: TemplateValue)] = []

  /// Takes a named argument out.
  mutating func take(_ name: String) -> TemplateValue? {
    named.firstIndex { $0.name == name }.map { named.remove(at: $0).value }
  }
}
