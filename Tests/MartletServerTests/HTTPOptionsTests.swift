import MartletCore
import MartletText
import Testing

@testable import MartletServer

@Suite struct HTTPOptionsTests {
  @Test func aPublicAddressNeedsAKey() throws {
    var options = HTTPOptions()
    try options.validate()
    options.host = "0.0.0.0"
    #expect(throws: HTTPOptions.Refusal.self) { try options.validate() }
    options.apiKey = "k"
    try options.validate()
  }

  @Test func readsNameTheFieldAndItsPath() throws {
    let fields = try RequestFields(["n": "x", "big": 1e300, "o": ["a": 1.5], "null": .null])
    #expect(throws: InvalidField(field: "n", reason: "must be an integer that fits 64 bits")) {
      try fields.integer("n")
    }
    #expect(throws: InvalidField.self) { try fields.integer("big") }
    let inner = try #require(try fields.fields("o"))
    let error = #expect(throws: InvalidField.self) { try inner.integer("a") }
    #expect(error?.field == "o.a")
    #expect(try fields.string("null") == nil)
    #expect(try fields.string("absent") == nil)
  }
}
