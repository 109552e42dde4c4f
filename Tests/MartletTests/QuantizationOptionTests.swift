import Foundation
import Martlet
import Testing

/// `--quantization` where it cannot be followed: both sides of the conflict are named, and what to do.
@Suite struct QuantizationOptionTests {
  private static func refusal(_ type: EngineOptions.WeightType) -> MartletError? {
    let shape = URL(fileURLWithPath: #filePath)
      .deletingLastPathComponent().appendingPathComponent("../../scripts/gpu/shapes/llama-3.2-1b").path
    var options = EngineOptions()
    options.loadFormat = .dummy
    options.weightType = type
    options.quantization = .fp8
    options.device = "cpu"
    return #expect(throws: MartletError.self) { try LoadedModel.dryPlan(path: shape, options: options) }
  }

  @Test func aDeviceWithoutSuchProductsIsNamedWithTheRemedy() {
    let error = Self.refusal(.bfloat16)
    #expect(error?.kind == .machine)
    #expect(error?.description.contains("--quantization fp8: cpu-") == true)
    #expect(error?.description.contains("--device cuda") == true)
  }

  @Test func aQuantisedCheckpointIsNamedWithItsType() {
    let error = Self.refusal(.q4_0)
    #expect(error?.kind == .model)
    #expect(error?.description.contains("--quantization fp8") == true)
    #expect(error?.description.contains("Q4_0") == true)
  }

  @Test func theExactReferenceIsNotQuantised() {
    #expect(Self.refusal(.float32)?.description.contains("--dtype float32") == true)
  }
}
