/// Where an answer's text is reasoning, in bytes, the delimiters included.
struct ReasoningSpans: Sendable {
  private var closed: [Range<Int>] = []
  private var start: Int?

  mutating func begin(at position: Int) { if start == nil { start = position } }

  mutating func end(at position: Int) {
    if let start, start < position { closed.append(start..<position) }
    start = nil
  }

  /// How many tokens belong to the spans.
  /// - Parameters:
  ///   - ends: for each token, where the text it completes ends; it begins where the one before ends.
  ///   - first: where the first token begins.
  func count(tokenEnds ends: [Int], from first: Int = 0) -> Int {
    guard start != nil || !closed.isEmpty else { return 0 }
    let spans = closed + (start.map { [$0..<Int.max] } ?? [])
    var count = 0, before = first
    for end in ends {
      if spans.contains(where: { $0.contains(before) || ($0.lowerBound > before && $0.lowerBound < end) }) {
        count += 1
      }
      before = end
    }
    return count
  }
}
