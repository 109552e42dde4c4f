import Synchronization

/// Counts the clients' requests that are being answered, so that batches keep out of their way. The engine's own figures
/// cannot tell: a batch's line that has just begun or ended is not in both counts at the same moment.
final class ClientLoad: Sendable {
  /// Counts a request for as long as it lives.
  final class Presence: Sendable {
    private let load: ClientLoad

    fileprivate init(_ load: ClientLoad) {
      self.load = load
      load.count.add(1, ordering: .relaxed)
    }

    deinit { load.count.subtract(1, ordering: .relaxed) }
  }

  private let count = Atomic<Int>(0)

  var requests: Int { count.load(ordering: .relaxed) }

  func enter() -> Presence { Presence(self) }
}
