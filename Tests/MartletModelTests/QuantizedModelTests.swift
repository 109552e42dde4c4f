import Foundation
import MartletCompute
import Testing

@testable import MartletModel

/// Quantised weights are multiplied in integers; the same weights as float32 say what that costs.
@Suite struct QuantizedModelTests {
  /// Mean Kullback-Leibler divergence of the next-token distributions, in nats.
  static func divergence(_ reference: [Float], _ values: [Float], vocabulary: Int) -> Double {
    let rows = reference.count / vocabulary
    var sum = 0.0
    for row in 0..<rows {
      let range = row * vocabulary..<(row + 1) * vocabulary
      func logSum(_ logits: [Float]) -> Double {
        let top = Double(range.map { logits[$0] }.max() ?? 0)
        return top + log(range.reduce(0) { $0 + exp(Double(logits[$1]) - top) })
      }
      let left = logSum(reference), right = logSum(values)
      for index in range {
        let p = Double(reference[index]) - left
        sum += exp(p) * (p - (Double(values[index]) - right))
      }
    }
    return sum / Double(rows)
  }

  @Test(arguments: CheckpointDType.allCases, ["LlamaForCausalLM", "Gemma3ForCausalLM"])
  func aModelStaysNearItsDequantizedSelf(dtype: CheckpointDType, architecture: String) throws {
    let model = try TinyModel(
      ["hidden_size": 256, "intermediate_size": 512, "head_dim": 64, "sliding_window": 16], architecture: architecture)
    defer { model.remove() }
    let checkpoint = try Checkpoint(dummyPath: model.folder.path, dtype: dtype)
    let tokens = (0..<64).map { Int32(($0 * 53) % 300) }
    let reference = try LogitsProbe(checkpoint, dequantizes: true)
    let expected = try reference.logits(tokens[...], start: 0)
    #expect(expected.allSatisfy { $0.isFinite })
    let spread = expected.map { abs($0) }.max() ?? 0
    #expect(spread > 0.1)
    let probe = try LogitsProbe(try Checkpoint(dummyPath: model.folder.path, dtype: dtype))
    let values = try probe.logits(tokens[...], start: 0)
    let worst = zip(values, expected).map { abs($0 - $1) }.max() ?? 0
    let isFloat = dtype.block.elements == 1
    // Float formats differ by rounding alone; block formats by eight-bit activations.
    #expect(worst / spread < (isFloat ? 1e-5 : 4e-2))
    #expect(Self.divergence(expected, values, vocabulary: 300) < (isFloat ? 1e-9 : 1e-3))
  }
}
