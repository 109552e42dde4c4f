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
}
