extension Array where Element: Sendable {
  /// What `work` makes of each element, in the elements' order.
  /// - Parameters:
  ///   - width: elements that are worked on at once.
  ///   - work: takes an element and its index, on any thread.
  /// - Throws: the first error; the others are cancelled.
  @concurrent package func mapConcurrently<Result: Sendable>(
    width: Int, _ work: @escaping @Sendable (Int, Element) async throws -> Result
  ) async throws -> [Result] {
    var results = [Result?](repeating: nil, count: count)
    try await withThrowingTaskGroup(of: (Int, Result).self) { group in
      var next = 0
      func submit() {
        guard next < count else { return }
        let index = next
        next += 1
        group.addTask { (index, try await work(index, self[index])) }
      }
      for _ in 0..<Swift.min(width, count) { submit() }
      while let (index, result) = try await group.next() {
        results[index] = result
        submit()
      }
    }
    return results.compactMap { $0 }
  }
}
