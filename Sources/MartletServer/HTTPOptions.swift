/// How a server listens and whom it answers.
package struct HTTPOptions: Sendable {
  package struct Refusal: Error, CustomStringConvertible {
    package let description: String
  }

  package var host = "127.0.0.1"
  package var port = 30000
  package var apiKey: String?
  package var adminAPIKey: String?
  package var maxBodyBytes = 32 << 20
  /// How long a client may take for a request's head, and for its body, whose bytes give it more time.
  package var requestTimeoutSeconds = 60
  /// How long a connection stays open without a request.
  package var idleTimeoutSeconds = 120
  /// Whether requests may ask to go before others.
  package var honorsPriority = false

  package init() {}

  /// A server that others can reach needs a key.
  package func validate() throws(Refusal) {
    guard (0...65535).contains(port) else {
      throw Refusal(description: "--port must be between 0 and 65535, got \(port)")
    }
    guard (1...86_400).contains(requestTimeoutSeconds) else {
      throw Refusal(description: "--request-timeout must be between 1 and 86400 seconds, got \(requestTimeoutSeconds)")
    }
    guard (1...86_400).contains(idleTimeoutSeconds) else {
      throw Refusal(description: "--idle-timeout must be between 1 and 86400 seconds, got \(idleTimeoutSeconds)")
    }
    let isLoopback = host == "localhost" || host == "::1" || host.hasPrefix("127.")
    guard isLoopback || apiKey != nil else {
      throw Refusal(description: "--host \(host) can be reached from other machines: set --api-key, or use 127.0.0.1")
    }
  }
}
