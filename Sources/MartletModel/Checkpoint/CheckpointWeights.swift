/// What a checkpoint's weights amount to.
package struct CheckpointWeights: Sendable, Equatable {
  package let bytes: Int
  package let parameters: Int
  /// The type of most parameters, as GGUF spells it: "Q4_1", "BF16".
  package let type: String

  init(_ tensors: some Sequence<CheckpointTensor>) {
    var bytes = 0, parameters: [String: Int] = [:]
    for tensor in tensors {
      bytes += tensor.range.count
      parameters[Self.name(tensor.dtype), default: 0] += tensor.count
    }
    self.bytes = bytes
    self.parameters = parameters.values.reduce(0, +)
    type = parameters.max { ($0.value, $0.key) < ($1.value, $1.key) }?.key ?? ""
  }

  static func name(_ type: CheckpointDType) -> String {
    switch type {
    case .q2K: "Q2_K"
    case .q3K: "Q3_K"
    case .q4K: "Q4_K"
    case .q5K: "Q5_K"
    case .q6K: "Q6_K"
    case .f32, .f16, .bf16, .q4_0, .q4_1, .q5_0, .q5_1, .q8_0: "\(type)".uppercased()
    }
  }
}
