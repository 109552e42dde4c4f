import Synchronization

/// The open connections of a server, so that a route finds the one its request came on.
final class ClientConnections: Sendable {
  private struct State {
    /// False until a real connection was seen: tests call routes without any.
    var isServing = false
    var open: [ObjectIdentifier: ClientConnection] = [:]
  }

  private let state = Mutex(State())

  func add(_ connection: ClientConnection, for channel: ObjectIdentifier) {
    state.withLock { state in
      state.isServing = true
      state.open[channel] = connection
    }
  }

  func remove(_ channel: ObjectIdentifier) { state.withLock { $0.open[channel] = nil } }

  /// Runs `body` when the client of `channel` leaves before `end` is called on the result.
  func watch(_ channel: ObjectIdentifier, _ body: @escaping @Sendable () -> Void) -> Watch {
    let (connection, isServing) = state.withLock { ($0.open[channel], $0.isServing) }
    guard let connection else {
      if isServing { body() }
      return Watch(connection: nil, key: nil)
    }
    return Watch(connection: connection, key: connection.watch(body))
  }

  /// The same for a request that may be resumable: then `body` runs when nobody comes back to its stream in time.
  func watch(_ context: ServerContext, isStream: Bool, _ body: @escaping @Sendable () -> Void) -> Watch {
    guard isStream, let resumption = context.resumption, let log = resumption.open() else {
      return watch(context.channel, body)
    }
    log.onAbandoned(body)
    var watch = Watch(connection: nil, key: nil)
    watch.resumable = Resumable(log: log, channel: context.channel, connections: self)
    return watch
  }

  /// Where a resumable stream's events go, and who reads them first.
  struct Resumable: Sendable {
    let log: EventLog
    let channel: ObjectIdentifier
    let connections: ClientConnections
  }

  struct Watch: Sendable {
    fileprivate(set) var resumable: Resumable?
    fileprivate let connection: ClientConnection?
    fileprivate let key: Int?

    func end() { if let key { connection?.endWatch(key) } }
  }
}
