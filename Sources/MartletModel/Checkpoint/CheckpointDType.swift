/// How a tensor's elements are stored.
package enum CheckpointDType: Sendable, Equatable, CaseIterable {
  case f32, f16, bf16
  case q4_0, q4_1, q5_0, q5_1, q8_0
  case q2K, q3K, q4K, q5K, q6K

  /// Elements and bytes of one block.
  package var block: (elements: Int, bytes: Int) {
    switch self {
    case .f32: (1, 4)
    case .f16, .bf16: (1, 2)
    case .q4_0: (32, 18)
    case .q4_1: (32, 20)
    case .q5_0: (32, 22)
    case .q5_1: (32, 24)
    case .q8_0: (32, 34)
    case .q2K: (256, 84)
    case .q3K: (256, 110)
    case .q4K: (256, 144)
    case .q5K: (256, 176)
    case .q6K: (256, 210)
    }
  }

  /// GGUF's type number.
  var ggufType: UInt32 {
    switch self {
    case .f32: 0
    case .f16: 1
    case .q4_0: 2
    case .q4_1: 3
    case .q5_0: 6
    case .q5_1: 7
    case .q8_0: 8
    case .q2K: 10
    case .q3K: 11
    case .q4K: 12
    case .q5K: 13
    case .q6K: 14
    case .bf16: 30
    }
  }

  /// The GGUF type number's format; nil when it is not one that can be computed with.
  init?(ggufType: UInt32) {
    guard let dtype = Self.allCases.first(where: { $0.ggufType == ggufType }) else { return nil }
    self = dtype
  }

  init?(safetensors name: String) {
    switch name {
    case "F32": self = .f32
    case "F16": self = .f16
    case "BF16": self = .bf16
    default: return nil
    }
  }
}
