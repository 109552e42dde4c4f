/// Decides whether a bearer token opens a route.
struct APIKeys: Sendable {
  private let user: [UInt8]?
  private let admin: [UInt8]?

  init(options: HTTPOptions) {
    user = options.apiKey.map { Array($0.utf8) }
    admin = options.adminApiKey.map { Array($0.utf8) }
  }

  func allows(_ scope: RouteScope, authorization: String?) -> Bool {
    switch scope {
    case .open: true
    case .user: isEqual(authorization, to: user)
    case .admin: isEqual(authorization, to: admin ?? user)
    }
  }

  /// Looks at every byte of the given token whatever the key is, so that time tells nothing about the key's bytes.
  private func isEqual(_ authorization: String?, to key: [UInt8]?) -> Bool {
    guard let key else { return true }
    guard let authorization, authorization.lowercased().hasPrefix("bearer ") else { return false }
    let given = Array(authorization.utf8.dropFirst("bearer ".utf8.count))
    var difference = given.count ^ key.count
    for (index, byte) in given.enumerated() {
      difference |= Int(byte ^ (key.isEmpty ? 0 : key[index % key.count]))
    }
    return difference == 0 && !key.isEmpty
  }
}
