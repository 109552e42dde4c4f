package import MartletCompute

extension DType {
  package init(_ dtype: CheckpointDType) {
    switch dtype {
    case .f32: self = .f32
    case .f16: self = .f16
    case .bf16: self = .bf16
    case .q4_0: self = .q4_0
    case .q4_1: self = .q4_1
    case .q5_0: self = .q5_0
    case .q5_1: self = .q5_1
    case .q8_0: self = .q8_0
    case .q2K: self = .q2K
    case .q3K: self = .q3K
    case .q4K: self = .q4K
    case .q5K: self = .q5K
    case .q6K: self = .q6K
    }
  }
}
