import CMartletKernels

/// What becomes of a product. All but `store` need a table with fused products.
package enum LinearOutput: Sendable {
  case store
  /// Added to what the output holds.
  case add
  /// Two segments, gate and up, become activation(gate) * up.
  case silu, geluTanh

  var rawValue: UInt32 {
    switch self {
    case .store: UInt32(MK_OUTPUT_STORE)
    case .add: UInt32(MK_OUTPUT_ADD)
    case .silu: UInt32(MK_OUTPUT_SILU)
    case .geluTanh: UInt32(MK_OUTPUT_GELU_TANH)
    }
  }
}
