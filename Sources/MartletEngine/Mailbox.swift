import Dispatch
import Synchronization

/// The only door into the engine thread. Once closed it refuses, so no request can be stranded.
final class Mailbox: Sendable {
  private struct State {
    var commands: [Command] = []
    var isClosed = false
    var isWaiting = false
  }

  private let state = Mutex(State())
  private let wake = DispatchSemaphore(value: 0)

  /// False when the mailbox is closed and the command was not taken.
  func post(_ command: Command) -> Bool {
    let (accepted, wakes) = state.withLock { state in
      guard !state.isClosed else { return (false, false) }
      state.commands.append(command)
      defer { state.isWaiting = false }
      return (true, state.isWaiting)
    }
    if wakes { wake.signal() }
    return accepted
  }

  var isEmpty: Bool { state.withLock { $0.commands.isEmpty } }

  func drain() -> [Command] {
    state.withLock { state in
      defer { state.commands = [] }
      return state.commands
    }
  }

  /// Blocks until there is a command. One thread only.
  func waitForCommands() -> [Command] {
    let mustWait = state.withLock { state in
      state.isWaiting = state.commands.isEmpty && !state.isClosed
      return state.isWaiting
    }
    if mustWait { wake.wait() }
    return drain()
  }

  /// Refuses from now on; returns what was still inside.
  func close() -> [Command] {
    state.withLock { state in
      state.isClosed = true
      defer { state.commands = [] }
      return state.commands
    }
  }
}
