import Synchronization

/// jinja2's `namespace()`: the one value that a template may change in place.
final class TemplateNamespace: Sendable {
  private let members: Mutex<[String: TemplateValue]>

  init(_ members: [String: TemplateValue]) { self.members = Mutex(members) }

  func removeAll() { members.withLock { $0 = [:] } }

  subscript(name: String) -> TemplateValue? {
    get { members.withLock { $0[name] } }
    set { members.withLock { $0[name] = newValue } }
  }
}
