/// Interned stacks of a nondeterministic parser. A frame set stands for several stacks that share what is on top of
/// them: each frame has a node to parse next, and what lies below.
struct FrameSets: Sendable {
  struct Frame: Hashable, Sendable {
    /// -1: the bottom of the stack, where the text may end.
    let node: GrammarNodeID
    let below: Int32
  }

  static let bottom: Int32 = 0

  private(set) var sets: [[Frame]] = []
  private var ids: [[Frame]: Int32] = [:]

  init() { _ = intern([Frame(node: -1, below: -1)]) }

  /// - Parameter frames: in ascending order, without repetitions.
  mutating func intern(_ frames: [Frame]) -> Int32 {
    if let known = ids[frames] { return known }
    let id = Int32(sets.count)
    sets.append(frames)
    ids[frames] = id
    return id
  }

  mutating func push(_ node: GrammarNodeID, on below: Int32) -> Int32 {
    // Nothing left to parse: the stack below does as well (tail calls do not grow the stack).
    node == GrammarGraph.empty ? below : intern([Frame(node: node, below: below)])
  }

  mutating func union(_ parts: [Int32]) -> Int32 {
    let merged = parts.reduce(into: Set<Frame>()) { $0.formUnion(sets[Int($1)]) }
    return intern(merged.sorted { ($0.node, $0.below) < ($1.node, $1.below) })
  }
}
