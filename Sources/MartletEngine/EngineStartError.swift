/// The executor could not be made, or the engine was shut down first.
package struct EngineStartError: Error, Sendable {
  /// What the executor's factory threw; nil when the engine was shut down before it was ready.
  package let underlying: (any Error)?
}
