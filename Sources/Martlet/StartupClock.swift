/// Measures the phases of a start, from the process's own beginning.
package struct StartupClock: Sendable {
  package struct Span: Sendable {
    package let phase: String
    package let milliseconds: Double
  }

  package private(set) var spans: [Span] = []
  private var last = ContinuousClock.now

  package init() {}

  /// Ends the current phase.
  package mutating func mark(_ phase: String) {
    let now = ContinuousClock.now
    spans.append(Span(phase: phase, milliseconds: (now - last) / .milliseconds(1)))
    last = now
  }
}
