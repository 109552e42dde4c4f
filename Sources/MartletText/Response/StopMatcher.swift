/// Finds the first stop string in growing text and holds back exactly what could still become one.
package struct StopMatcher: Sendable {
  private let stops: [[UInt8]]
  /// Text that may be the beginning of a stop string.
  private var held: [UInt8] = []

  package init(_ stops: [String]) {
    self.stops = stops.filter { !$0.isEmpty }.map { Array($0.utf8) }
  }

  package enum Outcome: Sendable, Equatable {
    /// Text that is certain to be in front of any stop string.
    case text(String)
    /// The text in front of the stop string, and that string.
    case stopped(String, match: String)
  }

  package mutating func append(_ text: String) -> Outcome {
    guard !stops.isEmpty else { return .text(text) }
    held += text.utf8
    var first: (start: Int, stop: [UInt8])?
    for stop in stops {
      if let start = Self.find(stop, in: held), first.map({ start < $0.start }) ?? true { first = (start, stop) }
    }
    if let first {
      let before = String(decoding: held[..<first.start], as: UTF8.self)
      held = []
      return .stopped(before, match: String(decoding: first.stop, as: UTF8.self))
    }
    let keep = stops.reduce(0) { max($0, Self.overlap(of: held, with: $1)) }
    var cut = held.count - keep
    // A stop string begins at a character's first byte, so the cut does too.
    while cut > 0, cut < held.count, held[cut] & 0xC0 == 0x80 { cut -= 1 }
    let ready = String(decoding: held[..<cut], as: UTF8.self)
    held.removeFirst(cut)
    return .text(ready)
  }

  /// What was held back, at the end of the text.
  package mutating func finish() -> String {
    defer { held = [] }
    return String(decoding: held, as: UTF8.self)
  }

  private static func find(_ stop: [UInt8], in text: [UInt8]) -> Int? {
    guard stop.count <= text.count else { return nil }
    return (0...(text.count - stop.count)).first {
      text[$0] == stop[0] && text[$0..<($0 + stop.count)].elementsEqual(stop)
    }
  }

  /// Length of the longest suffix of `text` that is a proper prefix of `stop`.
  private static func overlap(of text: [UInt8], with stop: [UInt8]) -> Int {
    var length = min(text.count, stop.count - 1)
    while length > 0, !text[(text.count - length)...].elementsEqual(stop[..<length]) { length -= 1 }
    return length
  }
}
