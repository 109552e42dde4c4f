import MartletText
import Testing

@testable import MartletBench

@Suite struct BenchBackendTests {
  @Test(arguments: BenchBackend.allCases)
  func extraFieldsReplaceThoseOfTheLoad(backend: BenchBackend) throws {
    let prompt = BenchPrompt(content: .text("once"), inputLength: 1, outputLength: 7)
    let extra = JSONObject([("temperature", 1), ("stream", false), ("user", "me")])
    let body = try #require(backend.body(prompt, model: "m", ignoresEnd: true, extra: extra))
    #expect(body["temperature"]?.intValue == 1)
    #expect(body["stream"]?.boolValue == false)
    #expect(body["user"]?.stringValue == "me")
    let plain = try #require(backend.body(prompt, model: "m", ignoresEnd: true))
    #expect(plain["stream"]?.boolValue == true)
    #expect(plain["user"] == nil)
  }
}
