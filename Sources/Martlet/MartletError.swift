import MartletCore

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

extension MartletError {
  /// Why the engine ended a generation; nil for one that was cancelled.
  init?(_ reason: AbortReason) {
    switch reason {
    case .cancelled: return nil
    case .shuttingDown: self.init(.shutDown, "the engine was shut down")
    case .deviceFailed(let status): self.init(.machine, "the device failed (status \(status))")
    case .invalidLogits: self.init(.model, "the model produced no finite logits or hidden states")
    }
  }
}
