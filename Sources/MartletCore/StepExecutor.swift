/// What the engine needs from hardware. Not Sendable: the engine thread owns it.
package protocol StepExecutor: SendableMetatype {
  /// Enqueues a step. At most two steps are in flight.
  mutating func launch(_ plan: StepPlan) throws(ExecutorError) -> StepTicket
  /// Waits for a step, in launch order.
  mutating func collect(_ ticket: consuming StepTicket) throws(ExecutorError) -> StepResult
  /// Called while nothing is in flight and no request waits: prepares something for later steps, in a few milliseconds.
  /// - Returns: whether there is more to prepare.
  mutating func prepareWhileIdle() throws(ExecutorError) -> Bool
}

extension StepExecutor {
  package mutating func prepareWhileIdle() throws(ExecutorError) -> Bool { false }
}
