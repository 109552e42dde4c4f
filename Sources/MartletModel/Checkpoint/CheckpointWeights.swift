/// What a checkpoint's weights amount to, for people.
package struct CheckpointWeights: Sendable, Equatable {
  package let bytes: Int
  package let parameters: Int
  /// The type of most parameters, as GGUF spells it: "Q4_1", "BF16".
  package let type: String

  init(bytes: Int, parameters: Int, type: String) {
    self.bytes = bytes
    self.parameters = parameters
    self.type = type
  }

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

  /// Rounded as model names are: "135M", "8.03B".
  package var size: String {
    let (value, unit) = parameters >= 1_000_000_000 ? (Double(parameters) / 1e9, "B") : (Double(parameters) / 1e6, "M")
    let hundredths = Int((value * 100).rounded()), decimals = hundredths % 100
    if value >= 100 || decimals == 0 { return "\(Int(value.rounded()))\(unit)" }
    return "\(hundredths / 100).\(decimals < 10 ? "0" : "")\(decimals)\(unit)"
  }

  private static func name(_ type: CheckpointDType) -> String {
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
