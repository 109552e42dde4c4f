/// What the library reports: a file that cannot be used, or a request that cannot be served.
public struct MartletError: Error, Sendable, CustomStringConvertible {
  public enum Kind: Sendable {
    /// The model's files, or options that do not fit them.
    case model
    /// The machine: memory, a missing backend, a failed device.
    case machine
    /// The request.
    case request
    /// The engine has been shut down.
    case shutDown
  }

  public let kind: Kind
  public let description: String

  package init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }
}
