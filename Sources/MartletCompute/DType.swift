import CMartletKernels

/// Element formats of the kernel table.
package enum DType: Sendable, Equatable, CaseIterable {
  case f32, f16, bf16
  /// With a float scale for each row of a matrix, without any in a KV cache.
  case f8E4M3
  case q4_0, q4_1, q5_0, q5_1, q8_0
  case q2K, q3K, q4K, q5K, q6K

  var rawValue: UInt32 {
    switch self {
    case .f32: UInt32(MK_F32)
    case .f16: UInt32(MK_F16)
    case .bf16: UInt32(MK_BF16)
    case .f8E4M3: UInt32(MK_F8_E4M3)
    case .q4_0: UInt32(MK_Q4_0)
    case .q4_1: UInt32(MK_Q4_1)
    case .q5_0: UInt32(MK_Q5_0)
    case .q5_1: UInt32(MK_Q5_1)
    case .q8_0: UInt32(MK_Q8_0)
    case .q2K: UInt32(MK_Q2_K)
    case .q3K: UInt32(MK_Q3_K)
    case .q4K: UInt32(MK_Q4_K)
    case .q5K: UInt32(MK_Q5_K)
    case .q6K: UInt32(MK_Q6_K)
    }
  }

  /// Bytes of an element of an unblocked format; 0 for block formats.
  package var elementSize: Int {
    switch self {
    case .f32: 4
    case .f16, .bf16: 2
    case .f8E4M3: 1
    default: 0
    }
  }
}
