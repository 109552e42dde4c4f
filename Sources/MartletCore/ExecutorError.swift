/// A step that the device did not carry out.
package enum ExecutorError: Error, Equatable, Sendable {
  /// A kernel's status, with the op's name.
  case kernel(status: Int32, operation: String)
}
