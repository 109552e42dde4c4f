/// Python's slice.
struct TemplateSlice: Sendable {
  private let lower: Int?
  private let upper: Int?
  private let step: Int

  init(lower: TemplateValue?, upper: TemplateValue?, step: TemplateValue?) throws(TemplateError) {
    self.lower = try Self.bound(lower)
    self.upper = try Self.bound(upper)
    self.step = try Self.bound(step) ?? 1
    guard self.step != 0 else { throw TemplateError("a slice's step must not be 0") }
  }

  /// Bounds beyond any length are the same as that length.
  private static func bound(_ value: TemplateValue?) throws(TemplateError) -> Int? {
    guard let value, !value.isNone else { return nil }
    guard let number = value.integer else {
      throw TemplateError("slice bounds must be integers, not \(value.typeName)")
    }
    return Int(min(max(number, -1 << 40), 1 << 40))
  }

  /// Where the slice of `count` items starts, ends (exclusively, -1 for before the first), and how many items it has.
  func bounds(count: Int) -> (start: Int, stop: Int, step: Int, count: Int) {
    let range = step > 0 ? 0...count : -1...(count - 1)
    func place(_ given: Int?, _ fallback: Int) -> Int {
      guard let given else { return fallback }
      let place = given < 0 ? given + count : given
      return min(max(place, range.lowerBound), range.upperBound)
    }
    let start = place(lower, step > 0 ? 0 : count - 1), stop = place(upper, step > 0 ? count : -1)
    let distance = step > 0 ? stop - start : start - stop
    return (start, stop, step, distance <= 0 ? 0 : (distance - 1) / abs(step) + 1)
  }

  func picked<Items: RandomAccessCollection>(from items: Items) -> [Items.Element] where Items.Index == Int {
    let bounds = bounds(count: items.count)
    if bounds.step == 1 {
      let start = items.startIndex + bounds.start
      return Array(items[start..<(start + bounds.count)])
    }
    return (0..<bounds.count).map { items[items.startIndex + bounds.start + $0 * bounds.step] }
  }
}
