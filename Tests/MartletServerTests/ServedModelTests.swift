import Testing

@testable import MartletServer

@Suite struct ServedModelTests {
  @Test(arguments: [(134_515_008, "135M"), (8_030_261_248, "8.03B"), (1_500_000, "1.50M"), (2_000_000_000, "2B")])
  func sizesAreRoundedAsInNames(parameters: Int, size: String) {
    #expect(ServedModel.Weights(bytes: 0, parameters: parameters, type: "F32").size == size)
  }
}
