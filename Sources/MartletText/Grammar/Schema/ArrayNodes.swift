/// The grammar between the brackets of an array: items by position, then any number alike.
struct ArrayNodes {
  let prefix: [GrammarNodeID]
  let rest: GrammarNodeID
  let comma: GrammarNodeID
  let minimum: Int32
  let maximum: Int32?

  func body(_ graph: inout GrammarGraph) -> GrammarNodeID {
    let count = Int32(prefix.count)
    var tail: GrammarNodeID
    if count > 0 {
      tail = graph.repetition(
        graph.sequence(comma, rest), minimum: max(0, minimum - count), maximum: maximum.map { max(0, $0 - count) })
    } else {
      let further = graph.repetition(
        graph.sequence(comma, rest), minimum: max(0, minimum - 1), maximum: maximum.map { max(0, $0 - 1) })
      let some = graph.sequence(rest, further)
      return minimum == 0 ? graph.optional(some) : some
    }
    for index in prefix.indices.reversed() {
      let item = index == 0 ? prefix[index] : graph.sequence(comma, prefix[index])
      tail = graph.sequence(item, tail)
      if Int32(index) >= minimum { tail = graph.optional(tail) }
    }
    return tail
  }
}
