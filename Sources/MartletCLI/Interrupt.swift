import Dispatch
import Foundation
import Synchronization

/// Ctrl-C: runs the current action, or ends the program when there is none.
final class Interrupt: Sendable {
  private let action = Mutex<(@Sendable () -> Void)?>(nil)
  // A dispatch source is only created, resumed and kept here; its handler touches nothing but `action`.
  private nonisolated(unsafe) let source: any DispatchSourceSignal

  init() {
    signal(SIGINT, SIG_IGN)
    let source = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
    unsafe self.source = source
    source.setEventHandler { [weak self] in
      guard let action = self?.action.withLock({ $0 }) else { exit(130) }
      action()
    }
    source.resume()
  }

  func onInterrupt(_ action: (@Sendable () -> Void)?) {
    self.action.withLock { $0 = action }
  }
}
