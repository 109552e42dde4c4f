/// How rotary frequencies are stretched for contexts longer than the trained one.
package enum RopeScaling: Sendable, Equatable {
  case none
  case linear(factor: Double)
  /// Llama 3.1: high frequencies stay, low ones are divided, the band between is interpolated.
  case llama3(factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, originalContext: Double)
  /// YaRN (Peng et al., 2023).
  case yarn(
    factor: Double, originalContext: Double, betaFast: Double, betaSlow: Double, attentionFactor: Double?)
}
