import MartletCore
import Synchronization

/// Running native requests by the id that their client knows, for `/abort_request`.
final class RequestRegistry: Sendable {
  private let running = Mutex<[RequestID: String]>([:])

  func add(_ keys: [(String, RequestID)]) {
    running.withLock { running in for (name, id) in keys { running[id] = name } }
  }

  func remove(_ keys: [(String, RequestID)]) {
    running.withLock { running in for (_, id) in keys { running[id] = nil } }
  }

  /// Requests whose client id starts with `prefix`.
  func ids(prefix: String) -> [RequestID] {
    running.withLock { running in running.filter { $0.value.hasPrefix(prefix) }.map(\.key) }
  }
}
