/// How a device's worker team is made.
package struct DeviceOptions: Sendable {
  /// 0: one for each core that this process may use.
  package var threads = 0
  package var pinsThreads = false
  package var spinMicroseconds = 50
  /// A result does not depend on what else is in the batch. CPUs always hold to it.
  package var isDeterministic = false
  package init() {}
}
