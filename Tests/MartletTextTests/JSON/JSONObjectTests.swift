import MartletText
import Testing

@Suite struct JSONObjectTests {
  @Test func composedAndDecomposedKeysAreTwoMembers() {
    var object = JSONObject()
    object["\u{e9}"] = 1
    object["e\u{301}"] = 2
    #expect(object.count == 2)
    #expect(object["\u{e9}"] == 1)
    object["\u{e9}"] = nil
    #expect(object.keys.count == 1)
    #expect(object["e\u{301}"] == 2)
  }
}
