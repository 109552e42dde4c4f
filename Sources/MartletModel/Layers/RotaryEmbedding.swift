import Glibc
import MartletCompute

/// Rotary position embedding (Su et al., 2021): frequencies for a context scaling, and the step's table of angles.
struct RotaryEmbedding {
  let half: Int
  let magnitude: Float
  private let frequencies: DeviceArray<Float>
  /// [maximum rows, 2 * half]
  let table: Activation

  init(
    device: Device, headDimension: Int, base: Double, scaling: RopeScaling, factors: [Float]?, maxRows: Int
  ) throws(KernelError) {
    half = headDimension / 2
    let (values, magnitude) = Self.frequencies(headDimension: headDimension, base: base, scaling: scaling)
    self.magnitude = magnitude
    frequencies = try device.array(
      values.enumerated().map { index, value in
        Float(value / (factors.map { index < $0.count ? Double($0[index]) : 1 } ?? 1))
      })
    table = try Activation(on: device, count: maxRows * 2 * half)
  }

  /// Inverse frequencies [headDimension / 2] and the factor on cosine and sine.
  static func frequencies(headDimension: Int, base: Double, scaling: RopeScaling) -> ([Double], Float) {
    let plain = (0..<headDimension / 2).map { pow(base, -2 * Double($0) / Double(headDimension)) }
    switch scaling {
    case .none: return (plain, 1)
    case .linear(let factor): return (plain.map { $0 / factor }, 1)
    case .llama3(let factor, let low, let high, let original):
      let scaled = plain.map { frequency in
        let wavelength = 2 * Double.pi / frequency
        if wavelength < original / high { return frequency }
        if wavelength > original / low { return frequency / factor }
        let smooth = (original / wavelength - low) / (high - low)
        return (1 - smooth) * frequency / factor + smooth * frequency
      }
      return (scaled, 1)
    case .yarn(let factor, let original, let fast, let slow, let attentionFactor):
      func dimension(_ rotations: Double) -> Double {
        Double(headDimension) * log(original / (rotations * 2 * Double.pi)) / (2 * log(base))
      }
      let low = max(0, dimension(fast).rounded(.down))
      let high = min(Double(headDimension - 1), dimension(slow).rounded(.up))
      let scaled = plain.enumerated().map { index, frequency in
        let ramp = min(1, max(0, (Double(index) - low) / max(0.001, high - low)))
        return frequency / factor * ramp + frequency * (1 - ramp)
      }
      let magnitude = attentionFactor ?? (factor > 1 ? 0.1 * log(factor) + 1 : 1)
      return (scaled, Float(magnitude))
    }
  }

  /// Fills the table for the batch's positions.
  func prepare(_ batch: BatchLayout) throws(KernelError) {
    try batch.device.ropeTable(
      positions: batch.inputs.positions.device, frequencies: frequencies, rows: batch.rows, magnitude: magnitude,
      into: table)
  }
}
