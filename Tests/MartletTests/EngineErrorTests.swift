import Martlet
import Testing

@Suite struct EngineErrorTests {
  @Test func aMissingModelIsNamed() async {
    let error = await #expect(throws: MartletError.self) { try await Engine(modelPath: "/no/such/model.gguf") }
    #expect(error?.description.contains("/no/such/model.gguf") == true)
  }
}
