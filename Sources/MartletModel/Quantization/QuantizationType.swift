/// What `martlet quantize --type` makes of the weights.
package enum QuantizationType: String, Sendable, CaseIterable {
  case f32, f16, bf16
  case q8_0, q5_0, q5_1, q4_0, q4_1
  case q4K = "q4_k"
  case q6K = "q6_k"

  /// The number of `general.file_type`.
  var fileType: Int {
    switch self {
    case .f32: 0
    case .f16: 1
    case .q4_0: 2
    case .q4_1: 3
    case .q8_0: 7
    case .q5_0: 8
    case .q5_1: 9
    case .q4K: 15
    case .q6K: 18
    case .bf16: 32
    }
  }

  private var dtype: CheckpointDType {
    switch self {
    case .f32: .f32
    case .f16: .f16
    case .bf16: .bf16
    case .q8_0: .q8_0
    case .q5_0: .q5_0
    case .q5_1: .q5_1
    case .q4_0: .q4_0
    case .q4_1: .q4_1
    case .q4K: .q4K
    case .q6K: .q6K
    }
  }

  /// The type of a tensor: matrices take this one, the first and the last matrix of small types a finer one, since every
  /// token passes through them; rows that blocks do not divide take the next type that divides them; vectors stay float.
  func dtype(for tensor: CheckpointTensor, isOuter: Bool) -> CheckpointDType {
    guard tensor.shape.count == 2 else { return .f32 }
    var choice = dtype
    switch self {
    case .q4_0, .q4_1, .q5_0, .q5_1, .q4K: if isOuter { choice = .q6K }
    case .f32, .f16, .bf16, .q8_0, .q6K: break
    }
    if tensor.columns % choice.block.elements != 0 {
      switch choice {
      case .q4K: choice = .q5_0
      case .q6K: choice = .q8_0
      default: choice = .f16
      }
    }
    return tensor.columns % choice.block.elements == 0 ? choice : .f16
  }
}
