/// Proof that a step is in flight: it is collected exactly once.
package struct StepTicket: ~Copyable {
  package let serial: UInt64
  package init(serial: UInt64) { self.serial = serial }
}
