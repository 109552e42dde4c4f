/// The mean of hidden states that come in chunks. Rows are added one after the other in float64, so that the chunks'
/// sizes do not show in the result.
struct HiddenStatePool {
  private var sums: [Double] = []
  private var count = 0

  /// - Parameter values: [rows, hidden size].
  mutating func add(_ values: [Float], rows: Int) {
    guard rows > 0, !values.isEmpty else { return }
    let size = values.count / rows
    if sums.isEmpty { sums = Array(repeating: 0, count: size) }
    guard size == sums.count else { return }
    for row in 0..<rows {
      for column in 0..<size { sums[column] += Double(values[row * size + column]) }
    }
    count += rows
  }

  /// Empty when nothing was added.
  var mean: [Float] { sums.map { Float($0 / Double(count)) } }
}
