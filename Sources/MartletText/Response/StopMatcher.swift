/// Finds the first stop string in text that arrives in pieces, and holds back exactly what may still become one.
/// Any way of cutting the text gives the same output.
package struct StopMatcher: Sendable {
  package struct Output: Sendable, Equatable {
    /// Text that is certain not to belong to a stop string.
    package var text: String
    /// The stop string that ended the text; nothing is emitted after it.
    package var matched: String?
  }

  private let patterns: [(text: String, bytes: [UInt8])]
  private let keepsMatch: Bool
  private var held: [UInt8] = []
  private var isDone = false

  /// - Parameter keepsMatch: emit the stop string itself, too.
  package init(stops: [String], keepsMatch: Bool = false) {
    patterns = stops.filter { !$0.isEmpty }.map { ($0, Array($0.utf8)) }
    self.keepsMatch = keepsMatch
  }

  /// - Complexity: O(bytes held and new, times the total length of the stop strings).
  package mutating func append(_ text: String) -> Output {
    guard !isDone else { return Output(text: "", matched: nil) }
    guard !patterns.isEmpty else { return Output(text: text, matched: nil) }
    held.append(contentsOf: text.utf8)
    var start = 0
    while start < held.count {
      switch match(at: start) {
      case .full(let index):
        isDone = true
        let end = keepsMatch ? start + patterns[index].bytes.count : start
        defer { held = [] }
        return Output(text: String(decoding: held[..<end], as: UTF8.self), matched: patterns[index].text)
      case .partial: return emit(upTo: start)
      case .none: start += 1
      }
    }
    return emit(upTo: start)
  }

  /// What was held back and did not become a stop string.
  package mutating func finish() -> String { emit(upTo: held.count).text }

  private enum Match { case full(Int), partial, none }

  /// A shorter stop string that is complete wins over a longer one that is not yet: no later text can undo it.
  private func match(at start: Int) -> Match {
    var partial = false
    for (index, pattern) in patterns.enumerated() {
      let count = min(pattern.bytes.count, held.count - start)
      guard pattern.bytes[..<count].elementsEqual(held[start..<start + count]) else { continue }
      if count == pattern.bytes.count { return .full(index) }
      partial = true
    }
    return partial ? .partial : .none
  }

  private mutating func emit(upTo end: Int) -> Output {
    let text = String(decoding: held[..<end], as: UTF8.self)
    held.removeFirst(end)
    return Output(text: text, matched: nil)
  }
}
