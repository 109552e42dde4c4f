/// Arrays of distinct values from a small set: a node for each subset that is used up.
struct UniqueItems {
  let values: [JSONValue]
  let comma: GrammarNodeID
  let minimum: Int32
  let maximum: Int32?
  let pointer: String

  func body(_ graph: inout GrammarGraph) throws(GrammarError) -> GrammarNodeID {
    let texts = values.map { graph.terminal(graph.arena.literal($0.serialized())) }
    let all = (1 << values.count) - 1
    var nodes = [GrammarNodeID](repeating: GrammarGraph.nothing, count: all + 1)
    for used in (0...all).reversed() {
      let count = Int32(used.nonzeroBitCount)
      var options: [GrammarNodeID] = count >= minimum ? [GrammarGraph.empty] : []
      if maximum.map({ count < $0 }) ?? true {
        for index in values.indices where used >> index & 1 == 0 {
          let item = used == 0 ? texts[index] : graph.sequence(comma, texts[index])
          options.append(graph.sequence(item, nodes[used | 1 << index]))
        }
      }
      nodes[used] = graph.choice(options)
    }
    return nodes[0]
  }
}
