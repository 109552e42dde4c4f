/// Percentiles of a set of values, linear between the two nearest ranks, as numpy computes them.
package struct Percentiles {
  private let sorted: [Double]

  package init(_ values: [Double]) { sorted = values.sorted() }

  init(sorted: [Double]) { self.sorted = sorted }

  package var median: Double { self[50] }

  /// 0 without values.
  package subscript(percent: Double) -> Double {
    guard let last = sorted.last else { return 0 }
    let place = percent / 100 * Double(sorted.count - 1)
    let index = Int(place)
    guard index + 1 < sorted.count else { return last }
    return sorted[index] + (sorted[index + 1] - sorted[index]) * (place - Double(index))
  }
}
