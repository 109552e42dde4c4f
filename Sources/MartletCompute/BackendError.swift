/// A backend library that cannot be used.
package struct BackendError: Error, Sendable, CustomStringConvertible {
  package let path: String
  package let reason: String
  package var description: String { "\(path): \(reason)" }
}
