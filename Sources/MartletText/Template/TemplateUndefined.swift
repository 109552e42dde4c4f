/// Why a value is undefined. It prints as nothing, and most operations on it fail with `message`.
struct TemplateUndefined: Sendable {
  private let name: String
  private let owner: String?

  init(name: String) {
    self.name = name
    owner = nil
  }

  init(member: String, of value: TemplateValue) {
    name = member
    owner = value.typeName
  }

  /// - Parameter reason: the whole message.
  init(reason: String) {
    name = reason
    owner = ""
  }

  var message: String {
    switch owner {
    case nil: "'\(name)' is undefined"
    case "": name
    case let owner?: "'\(owner) object' has no attribute '\(name)'"
    }
  }
}
