import Foundation
import MartletCompute
import Testing

@testable import MartletModel

/// Quantised weights are multiplied in integers; the same weights as float32 say what that costs.
@Suite struct QuantizedModelTests {
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
    // Float32 differs by rounding alone; 16-bit floats by 16-bit codes; block formats by eight-bit activations.
    let bounds: (worst: Float, divergence: Double) =
      switch dtype {
      case .f32: (1e-5, 1e-9)
      case .f16, .bf16: (1e-3, 1e-6)
      default: (4e-2, 1e-3)
      }
    #expect(worst / spread < bounds.worst)
    #expect(divergence(expected, values, vocabulary: 300) < bounds.divergence)
  }
}
