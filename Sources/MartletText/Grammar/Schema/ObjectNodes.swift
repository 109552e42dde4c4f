/// The grammar between the braces of an object: named members in order, then others; with counts where they matter.
struct ObjectNodes {
  struct Member {
    let node: GrammarNodeID
    let isRequired: Bool
  }

  let members: [Member]
  /// Any other member; `nothing` when there is none.
  let other: GrammarNodeID
  let comma: GrammarNodeID
  let minimum: Int
  let maximum: Int?
  let pointer: String

  init(
    members: [Member], other: GrammarNodeID, comma: GrammarNodeID, minimum: Int, maximum: Int?, pointer: String
  ) {
    self.members = members
    self.other = other
    self.comma = comma
    self.minimum = minimum
    self.maximum = maximum
    self.pointer = pointer
  }

  mutating func body(_ graph: inout GrammarGraph) throws(GrammarError) -> GrammarNodeID {
    let cap = max(maximum.map { $0 + 1 } ?? 1, minimum, 1)
    guard (members.count + 1) * (min(cap, members.count) + 1) <= 100_000 else {
      throw GrammarError(.tooLarge, at: pointer, "the counting of members", "needs too many states")
    }
    var after: [Int: GrammarNodeID] = [:]
    for index in (0...members.count).reversed() {
      var here: [Int: GrammarNodeID] = [:]
      // No text comes here with fewer members than are required.
      let least = members[..<index].count(where: \.isRequired)
      for count in min(least, cap)...min(index, cap) {
        here[count] =
          index == members.count
          ? try rest(count, &graph) : try member(index, count, cap, after, &graph)
      }
      after = here
    }
    return after[0] ?? GrammarGraph.nothing
  }

  /// What may come from member `index` on; `after` is the same for the next one.
  private func member(
    _ index: Int, _ count: Int, _ cap: Int, _ after: [Int: GrammarNodeID], _ graph: inout GrammarGraph
  ) throws(GrammarError) -> GrammarNodeID {
    var options: [GrammarNodeID] = []
    if maximum.map({ count < $0 }) ?? true {
      let node = count == 0 ? members[index].node : graph.sequence(comma, members[index].node)
      options.append(graph.sequence(node, after[min(count + 1, cap)] ?? GrammarGraph.nothing))
    }
    if !members[index].isRequired { options.append(after[count] ?? GrammarGraph.nothing) }
    return graph.choice(options)
  }

  /// Other members behind `count` named ones.
  private func rest(_ count: Int, _ graph: inout GrammarGraph) throws(GrammarError) -> GrammarNodeID {
    let low = max(0, minimum - count)
    let high = maximum.map { $0 - count }
    if let high, high < low { return GrammarGraph.nothing }
    if other == GrammarGraph.nothing || high == 0 { return low == 0 ? GrammarGraph.empty : GrammarGraph.nothing }
    // A repeated name would count twice in the text and once in the object.
    guard low <= 1 else {
      throw GrammarError(
        .unsupported, at: pointer, "minProperties", "needs two or more members without declared names")
    }
    let next = graph.sequence(comma, other)
    if count > 0 { return graph.repetition(next, minimum: Int32(low), maximum: high.map { Int32(clamping: $0) }) }
    let further = graph.repetition(next, minimum: 0, maximum: high.map { Int32(clamping: $0 - 1) })
    let some = graph.sequence(other, further)
    return low == 0 ? graph.optional(some) : some
  }
}
