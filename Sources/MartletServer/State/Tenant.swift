import Hummingbird

/// Who owns what the server keeps: the holder of one key. Without keys all clients are one tenant.
struct Tenant: Hashable, Sendable {
  /// A fingerprint of the key; keys themselves are not written down.
  let name: String

  init(name: String) { self.name = name }

  /// - Parameter request: one that has passed the key check.
  init(_ request: Request, options: HTTPOptions) {
    guard options.apiKey != nil || options.adminAPIKey != nil, let key = KeyMiddleware<ServerContext>.key(request)
    else {
      name = ""
      return
    }
    name = Self.fingerprint(key)
  }

  /// 128 bits: two runs of FNV-1a, the second over the bytes in reverse.
  private static func fingerprint(_ key: String) -> String {
    var forward: UInt64 = 0xCBF2_9CE4_8422_2325, backward: UInt64 = 0x8422_2325_CBF2_9CE4
    for byte in key.utf8 { forward = (forward ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    for byte in key.utf8.reversed() { backward = (backward ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    return String(forward, radix: 16) + "-" + String(backward, radix: 16)
  }
}
