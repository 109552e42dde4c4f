/// Collects the deltas of one step of parsing; neighbours of one kind are joined.
struct DeltaWriter: Sendable {
  private var pending: [ResponseDelta] = []
  /// Calls begun and ended so far.
  private(set) var begunCalls = 0
  private(set) var endedCalls = 0
  /// Whether the answer has visible text.
  private(set) var hasContent = false
  /// Nothing came behind the last call's end.
  private(set) var isBehindCall = false

  mutating func content(_ bytes: some Collection<UInt8>) {
    guard !bytes.isEmpty else { return }
    hasContent = true
    isBehindCall = false
    let text = String(decoding: bytes, as: UTF8.self)
    if case .content(let before)? = pending.last {
      pending[pending.count - 1] = .content(before + text)
    } else {
      pending.append(.content(text))
    }
  }

  mutating func reasoning(_ bytes: some Collection<UInt8>) {
    guard !bytes.isEmpty else { return }
    let text = String(decoding: bytes, as: UTF8.self)
    if case .reasoning(let before)? = pending.last {
      pending[pending.count - 1] = .reasoning(before + text)
    } else {
      pending.append(.reasoning(text))
    }
  }

  mutating func beginCall(name: String, id: String? = nil) {
    pending.append(.call(index: begunCalls, id: id, name: name))
    begunCalls += 1
  }

  mutating func arguments(_ bytes: some Collection<UInt8>) {
    guard !bytes.isEmpty, begunCalls > 0 else { return }
    let text = String(decoding: bytes, as: UTF8.self), index = begunCalls - 1
    if case .arguments(index, let before)? = pending.last {
      pending[pending.count - 1] = .arguments(index: index, before + text)
    } else {
      pending.append(.arguments(index: index, text))
    }
  }

  mutating func arguments(_ text: String) { arguments(Array(text.utf8)) }

  mutating func endCall() {
    endedCalls += 1
    isBehindCall = true
  }

  mutating func drain() -> [ResponseDelta] {
    defer { pending = [] }
    return pending
  }
}
