/// A binary heap; `pop` takes the smallest element.
///
/// - Complexity: `push` and `pop` are O(log n), `removeAll(where:)` is O(n).
struct PriorityHeap<Element: Comparable> {
  private var elements: [Element] = []

  var count: Int { elements.count }

  mutating func push(_ element: Element) {
    elements.append(element)
    var child = elements.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard elements[child] < elements[parent] else { return }
      elements.swapAt(child, parent)
      child = parent
    }
  }

  mutating func pop() -> Element? {
    guard let smallest = elements.first else { return nil }
    let last = elements.removeLast()
    if !elements.isEmpty {
      elements[0] = last
      sink(from: 0)
    }
    return smallest
  }

  mutating func removeAll(where shouldRemove: (Element) -> Bool) {
    elements.removeAll(where: shouldRemove)
    for index in stride(from: elements.count / 2 - 1, through: 0, by: -1) { sink(from: index) }
  }

  private mutating func sink(from start: Int) {
    var parent = start
    while true {
      var smallest = parent
      let left = 2 * parent + 1
      for child in left..<(left + 2) where child < elements.count && elements[child] < elements[smallest] {
        smallest = child
      }
      guard smallest != parent else { return }
      elements.swapAt(parent, smallest)
      parent = smallest
    }
  }
}
