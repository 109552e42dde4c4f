/// Merges neighbouring symbols in the order of their priority: a linked list of symbols and a heap of candidate pairs.
struct MergeQueue {
  struct Symbol {
    var token: Int32
    var previous: Int
    var next: Int
  }

  private struct Candidate {
    let priority: Float
    let left: Int
    let leftToken: Int32
    let rightToken: Int32
    let merged: Int32
  }

  private(set) var symbols: [Symbol]
  private var heap: [Candidate] = []

  init(tokens: [Int32]) {
    symbols = tokens.indices.map {
      Symbol(token: tokens[$0], previous: $0 - 1, next: $0 + 1 < tokens.count ? $0 + 1 : -1)
    }
  }

  /// Runs all merges. `find` gives a pair's priority (lower first; the leftmost wins ties) and its merged token.
  mutating func run(_ find: (Int32, Int32) -> (priority: Float, merged: Int32)?) -> [Int32] {
    for index in symbols.indices.dropLast() { offer(index, find) }
    while let best = pop() {
      guard symbols[best.left].token == best.leftToken, symbols[best.left].next >= 0,
        symbols[symbols[best.left].next].token == best.rightToken
      else { continue }
      let right = symbols[best.left].next
      symbols[best.left].token = best.merged
      symbols[best.left].next = symbols[right].next
      if symbols[right].next >= 0 { symbols[symbols[right].next].previous = best.left }
      symbols[right].token = -1
      if symbols[best.left].previous >= 0 { offer(symbols[best.left].previous, find) }
      offer(best.left, find)
    }
    var result: [Int32] = []
    var index = symbols.isEmpty ? -1 : 0
    while index >= 0 {
      result.append(symbols[index].token)
      index = symbols[index].next
    }
    return result
  }

  private mutating func offer(_ left: Int, _ find: (Int32, Int32) -> (priority: Float, merged: Int32)?) {
    let right = symbols[left].next
    guard right >= 0, symbols[left].token >= 0, let pair = find(symbols[left].token, symbols[right].token) else {
      return
    }
    heap.append(
      Candidate(
        priority: pair.priority, left: left, leftToken: symbols[left].token, rightToken: symbols[right].token,
        merged: pair.merged))
    var child = heap.count - 1
    while child > 0, Self.before(heap[child], heap[(child - 1) / 2]) {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  private static func before(_ a: Candidate, _ b: Candidate) -> Bool {
    a.priority != b.priority ? a.priority < b.priority : a.left < b.left
  }

  private mutating func pop() -> Candidate? {
    guard let first = heap.first else { return nil }
    let last = heap.removeLast()
    guard !heap.isEmpty else { return first }
    heap[0] = last
    var parent = 0
    while true {
      var smallest = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && Self.before(heap[child], heap[smallest])
      {
        smallest = child
      }
      guard smallest != parent else { return first }
      heap.swapAt(parent, smallest)
      parent = smallest
    }
  }
}
