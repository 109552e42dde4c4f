import Foundation
import Synchronization

/// A line of progress on standard error: a bar on a terminal, nothing in a pipe.
final class ProgressBar: Sendable {
  private struct State {
    var done = 0
    var tokens = 0
    var drawn = ContinuousClock.now - .seconds(1)
  }

  private let total: Int
  private let unit: String
  private let started = ContinuousClock.now
  private let state = Mutex(State())

  init(total: Int, unit: String) {
    self.total = total
    self.unit = unit
  }

  func advance(tokens: Int) {
    let text = state.withLock { state -> String? in
      state.done += 1
      state.tokens += tokens
      guard ContinuousClock.now - state.drawn > .milliseconds(100) || state.done == total else { return nil }
      state.drawn = .now
      return line(state)
    }
    if let text, Terminal.notesArePeople { Terminal.note("\r" + text, terminator: "") }
  }

  /// Ends the line and says what was done.
  func finish() {
    let state = state.withLock { $0 }
    Terminal.note((Terminal.notesArePeople ? "\r" : "") + line(state))
  }

  private func line(_ state: State) -> String {
    let width = 24
    let filled = total == 0 ? width : width * state.done / total
    let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled)
    let seconds = (ContinuousClock.now - started) / .seconds(1)
    let rate = seconds > 0 ? Double(state.tokens) / seconds : 0
    return "[\(bar)] \(state.done)/\(total) \(unit), \(state.tokens) tokens, \(String(format: "%.1f", rate)) tokens/s"
  }
}
