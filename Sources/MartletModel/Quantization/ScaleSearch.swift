/// Finds the scale, and the offset where a format has one, with the least weighted squared error over a block: codes are
/// taken for a few spacings around the block's range, and least squares gives the best scale for each set of codes.
enum ScaleSearch {
  /// value = scale * code + offset, codes 0...levels.
  /// - Parameter offsetIsNegative: the format subtracts its minimum, so that the offset cannot be positive.
  static func affine(
    _ values: Span<Float>, levels: Float, offsetIsNegative: Bool
  ) -> (scale: Float, offset: Float) {
    var low = values[0], high = values[0], squares: Float = 0
    for index in values.indices {
      low = min(low, values[index])
      high = max(high, values[index])
      squares += values[index] * values[index]
    }
    if offsetIsNegative { low = min(low, 0) }
    guard high > low else { return (0, low) }
    let base = (squares / Float(values.count)).squareRoot()
    var best = (scale: (high - low) / levels, offset: low)
    var leastError = error(values, best, levels, base)
    for step in -10...10 {
      let inverse = (levels + 0.1 * Float(step)) / (high - low)
      var (w, wq, wqq, wx, wqx): (Float, Float, Float, Float, Float) = (0, 0, 0, 0, 0)
      for index in values.indices {
        let value = values[index], weight = base + abs(value)
        let code = min(max((inverse * (value - low)).rounded(), 0), levels)
        w += weight
        wq += weight * code
        wqq += weight * code * code
        wx += weight * value
        wqx += weight * code * value
      }
      let determinant = w * wqq - wq * wq
      guard determinant > 0, wqq > 0 else { continue }
      var candidate = (scale: (w * wqx - wx * wq) / determinant, offset: (wqq * wx - wq * wqx) / determinant)
      if offsetIsNegative, candidate.offset > 0 { candidate = (wqx / wqq, 0) }
      let error = error(values, candidate, levels, base)
      if candidate.scale > 0, error < leastError {
        leastError = error
        best = candidate
      }
    }
    return best
  }

  private static func error(
    _ values: Span<Float>, _ fit: (scale: Float, offset: Float), _ levels: Float, _ base: Float
  ) -> Float {
    let inverse = fit.scale > 0 ? 1 / fit.scale : 0
    var sum: Float = 0
    for index in values.indices {
      let value = values[index]
      let code = min(max((inverse * (value - fit.offset)).rounded(), 0), levels)
      let difference = fit.scale * code + fit.offset - value
      sum += (base + abs(value)) * difference * difference
    }
    return sum
  }

  /// value = scale * code, codes -half..<half. The scale may be negative: the code of largest magnitude is -half.
  static func symmetric(_ values: Span<Float>, half: Float) -> Float {
    var extreme: Float = 0
    for index in values.indices where abs(values[index]) > abs(extreme) { extreme = values[index] }
    guard abs(extreme) > 1e-30 else { return 0 }
    var best = -extreme / half
    var gain: Float = 0
    for step in -9...9 {
      let inverse = -(half + 0.1 * Float(step)) / extreme
      var wqx: Float = 0, wqq: Float = 0
      for index in values.indices {
        let value = values[index], weight = value * value
        let code = min(max((inverse * value).rounded(), -half), half - 1)
        wqx += weight * code * value
        wqq += weight * code * code
      }
      guard wqq > 0, wqx * wqx > gain * wqq else { continue }
      gain = wqx * wqx / wqq
      best = wqx / wqq
    }
    return best
  }
}
