/// Where the server listens and whom it lets in.
package struct HTTPOptions: Sendable {
  package enum Refusal: Error, Equatable, Sendable, CustomStringConvertible {
    /// Listening beyond this machine needs a key.
    case openToTheNetwork(host: String)

    package var description: String {
      switch self {
      case .openToTheNetwork(let host):
        "refusing to listen on \(host) without a key: give --api-key, or listen on 127.0.0.1"
      }
    }
  }

  package var host = "127.0.0.1"
  package var port = 30000
  package var apiKey: String?
  package var adminApiKey: String?
  package var maxBodyBytes = 32 << 20

  package init() {}

  package func validate() throws(Refusal) {
    let isLoopback = host == "localhost" || host == "::1" || host.hasPrefix("127.")
    guard isLoopback || apiKey?.isEmpty == false else { throw .openToTheNetwork(host: host) }
  }
}
