/// An op that the device refused.
package struct KernelError: Error, Equatable, Sendable, CustomStringConvertible {
  /// `MK_*` of the kernel table.
  package let status: Int32
  package let operation: String

  package init(status: Int32, operation: String) {
    self.status = status
    self.operation = operation
  }

  package var description: String {
    let reason =
      switch status {
      case 1: "invalid argument"
      case 2: "out of memory"
      case 3: "unsupported on this device"
      case 4: "device lost"
      default: "status \(status)"
      }
    return "\(operation): \(reason)"
  }
}
