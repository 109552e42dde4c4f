/// What one more row adds to a decode step, measured while serving.
///
/// Fits time = base + slope * rows to the last steps, older ones counting less. Steps with one number of rows say nothing
/// about the slope: what is missing comes from the assumption that the meter starts with.
struct RowCost {
  private static let decay = 0.98
  /// Squared rows of spread for which the measured slope counts as much as the assumed one.
  private static let confidence = 2.0
  /// Steps as much longer than expected were disturbed by something else.
  private static let outlier = 2.5
  private static let range = 0.01...0.95

  private let assumed: Double
  private var weight = 0.0, rows = 0.0, seconds = 0.0, squares = 0.0, products = 0.0
  private var slope = 0.0

  init(assumed: Float) { self.assumed = Double(assumed) }

  /// What a second row adds to a step with one row, as a share of that step.
  var share: Float {
    guard weight > 0 else { return Float(assumed) }
    let single = time(of: 1)
    guard single > 0 else { return Float(Self.range.upperBound) }
    return Float(min(max(slope / single, Self.range.lowerBound), Self.range.upperBound))
  }

  private func time(of count: Double) -> Double { seconds / weight + slope * (count - rows / weight) }

  private mutating func fade() {
    weight *= Self.decay
    rows *= Self.decay
    seconds *= Self.decay
    squares *= Self.decay
    products *= Self.decay
  }

  /// - Complexity: O(1).
  mutating func note(rows count: Int, seconds time: Double) {
    let count = Double(count)
    guard count > 0, time > 0, time.isFinite else { return }
    // What is remembered fades also then, so that a machine that stays slow is believed in the end.
    let disturbed = weight > 1 && time > Self.outlier * self.time(of: count)
    fade()
    if disturbed { return }
    weight += 1
    rows += count
    seconds += time
    squares += count * count
    products += count * time
    let spread = squares - rows * rows / weight, together = products - rows * seconds / weight
    // A step of one row, were the assumption true, in seconds.
    let single = seconds / (weight * (1 - assumed) + rows * assumed)
    slope = max(0, (together + Self.confidence * assumed * single) / (spread + Self.confidence))
  }
}
