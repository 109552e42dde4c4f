/// States along the path from the trie's root to the node at hand, by depth.
struct StatePath {
  var states: [Int32]

  init(depth: Int, parent: Int, state: Int32) {
    states = [Int32](repeating: 0, count: depth + 1)
    states[parent] = state
  }
}
