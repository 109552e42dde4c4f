/// Merges the symbols of one short word. A linear search for the best pair beats a heap at this size, and only the pairs
/// beside a merge are looked up again.
enum ShortMerge {
  static let longest = 64

  /// Merges tokens[start...] in place; at most `longest` of them. Lower priorities first, the leftmost of equal ones.
  @inline(__always)
  static func run(
    _ tokens: inout [Int32], from start: Int, _ find: (Int32, Int32) -> (priority: Float, merged: Int32)?
  ) {
    var count = tokens.count - start
    guard count > 1 else { return }
    unsafe withUnsafeTemporaryAllocation(of: (Float, Int32).self, capacity: longest + 1) { pairs in
      for index in 0..<count - 1 {
        unsafe pairs[index] = find(tokens[start + index], tokens[start + index + 1]) ?? (.infinity, -1)
      }
      while count > 1 {
        var place = -1
        var best = Float.infinity
        for index in 0..<count - 1 where unsafe pairs[index].0 < best {
          best = unsafe pairs[index].0
          place = index
        }
        guard place >= 0 else { break }
        tokens[start + place] = unsafe pairs[place].1
        count -= 1
        for index in place + 1..<max(count, place + 1) {
          tokens[start + index] = tokens[start + index + 1]
          unsafe pairs[index] = pairs[index + 1]
        }
        if place > 0 {
          unsafe pairs[place - 1] =
            find(tokens[start + place - 1], tokens[start + place]) ?? (.infinity, -1)
        }
        if place + 1 < count {
          unsafe pairs[place] = find(tokens[start + place], tokens[start + place + 1]) ?? (.infinity, -1)
        }
      }
    }
    tokens.removeLast(tokens.count - start - count)
  }
}
