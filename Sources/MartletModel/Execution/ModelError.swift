package import MartletCompute

/// Why a model could not be made ready.
package enum ModelError: Error, Sendable, CustomStringConvertible {
  case checkpoint(CheckpointError)
  case kernel(KernelError)

  package var description: String {
    switch self {
    case .checkpoint(let error): error.description
    case .kernel(let error): error.description
    }
  }
}
