/// States along the path from the trie's root to the node at hand, by depth.
struct StatePath {
  var states: [Int32]

  init(depth: Int) { states = [Int32](repeating: 0, count: depth + 1) }
}
