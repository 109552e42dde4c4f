/// Cuts a byte stream of server-sent events into the payloads of its `data:` lines.
struct EventFrames {
  private var rest: [UInt8] = []

  /// Payloads that are complete with these bytes.
  mutating func append(_ bytes: some Sequence<UInt8>) -> [[UInt8]] {
    rest.append(contentsOf: bytes)
    var payloads: [[UInt8]] = []
    var start = 0
    while let end = rest[start...].firstIndex(of: 0x0A) {
      var line = rest[start..<end]
      if line.last == 0x0D { line = line.dropLast() }
      if line.starts(with: "data:".utf8) {
        let payload = line.dropFirst(5)
        payloads.append(Array(payload.first == 0x20 ? payload.dropFirst() : payload))
      }
      start = end + 1
    }
    rest.removeFirst(start)
    return payloads
  }
}
