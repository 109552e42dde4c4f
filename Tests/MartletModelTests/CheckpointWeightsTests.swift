import Foundation
import Testing

@testable import MartletModel

@Suite struct CheckpointWeightsTests {
  @Test func countsTheTensorsOfACheckpoint() throws {
    let model = try TinyModel()
    defer { model.remove() }
    let weights = try Checkpoint(dummyPath: model.folder.path, dtype: .bf16).weights
    #expect(weights.type == "BF16" && weights.parameters > 0)
    #expect(weights.bytes >= 2 * weights.parameters && weights.bytes < 4 * weights.parameters)
  }

  @Test(arguments: [(134_515_008, "135M"), (8_030_261_248, "8.03B"), (1_500_000, "1.50M"), (2_000_000_000, "2B")])
  func sizesAreRoundedAsInNames(parameters: Int, size: String) {
    #expect(CheckpointWeights(bytes: 0, parameters: parameters, type: "F32").size == size)
  }
}
