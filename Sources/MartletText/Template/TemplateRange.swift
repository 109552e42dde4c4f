/// Python's `range`.
struct TemplateRange: Sendable {
  let start: Int
  let stop: Int
  let step: Int
  let count: Int

  /// The sandbox's limit, which keeps the arithmetic below in range.
  static let maxCount = 100_000

  init(start: Int64, stop: Int64, step: Int64) throws(TemplateError) {
    guard step != 0 else { throw TemplateError("range's step must not be 0") }
    guard [start, stop, step].allSatisfy({ $0.magnitude < 1 << 60 }) else {
      throw TemplateError("range is too large", .budgetExceeded)
    }
    let distance = step > 0 ? stop - start : start - stop, stride = Int64(step.magnitude)
    let count = distance <= 0 ? 0 : (distance - 1) / stride + 1
    guard count <= Self.maxCount else {
      throw TemplateError("range has more than \(Self.maxCount) items", .budgetExceeded)
    }
    self.start = Int(start)
    self.stop = Int(stop)
    self.step = Int(step)
    self.count = Int(count)
  }

  private init(start: Int, stop: Int, step: Int, count: Int) {
    self.start = start
    self.stop = stop
    self.step = step
    self.count = count
  }

  subscript(index: Int) -> TemplateValue { .int(Int64(start + index * step)) }

  var elements: [TemplateValue] { (0..<count).map { self[$0] } }

  func contains(_ value: TemplateValue) -> Bool {
    guard let number = value.number, let whole = Int64(exactly: number), count > 0 else { return false }
    let (distance, overflow) = Int(whole).subtractingReportingOverflow(start)
    return !overflow && distance % step == 0 && (0..<count).contains(distance / step)
  }

  func sliced(_ slice: TemplateSlice) -> TemplateRange {
    let bounds = slice.bounds(count: count)
    let (stride, overflow) = step.multipliedReportingOverflow(by: bounds.step)
    return TemplateRange(
      start: start + bounds.start * step, stop: start + bounds.stop * step,
      step: overflow ? step : stride, count: bounds.count)
  }

  var representation: String { step == 1 ? "range(\(start), \(stop))" : "range(\(start), \(stop), \(step))" }
}
