/// Evaluated arguments of a call.
struct TemplateArguments: Sendable {
  var positional: [TemplateValue] = []
  var named: [String: TemplateValue] = [:]

  /// An argument by place or name.
  func value(_ index: Int, _ name: String) -> TemplateValue? {
    index < positional.count ? positional[index] : named[name]
  }

  func text(_ index: Int, _ name: String) -> String? {
    guard case .string(let text)? = value(index, name) else { return nil }
    return text
  }
}
