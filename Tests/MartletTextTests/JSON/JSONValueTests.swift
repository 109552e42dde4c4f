import Testing

@testable import MartletText

struct JSONValueTests {
  static let documents: [(String, JSONValue)] = [
    ("null", .null), (" true ", true), ("-0", 0), ("12", 12), ("1.5e3", 1500.0), ("1E2", 100.0),
    ("9223372036854775807", .int(.max)), ("-9223372036854775808", .int(.min)),
    ("9223372036854775808", .double(9_223_372_036_854_775_808)), (#""a\n\u00e9\ud83d\ude00\/""#, "a\né😀/"),
    ("[]", .array([])), ("{}", .object([:])), (#"{"a":[1,{"b":null}]}"#, ["a": [1, ["b": nil]]]),
  ]

  @Test(arguments: documents)
  func readsDocuments(text: String, expected: JSONValue) throws {
    #expect(try JSONValue(parsing: text) == expected)
  }

  @Test(arguments: [
    "", " ", "nul", "tru", "01", "-", "1.", ".5", "1e", "1e400", "+1", "NaN", "[1,]", "{,}", "{\"a\":1,}", "{\"a\"}",
    "{a:1}", "[1 2]", "1 2", "\"", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\n\"",
    "[", "{", "]", "'a'", "\u{FEFF}1",
  ])
  func refusesWhatIsNotJSON(text: String) {
    #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
  }

  @Test(arguments: [
    [0x22, 0xFF, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xE2, 0x82, 0x22],
  ])
  func refusesBadUTF8(bytes: [UInt8]) {
    #expect(throws: JSONError.self) { try JSONValue(parsing: bytes) }
  }

  @Test func refusesNestingOverTheLimit() throws {
    let deep = String(repeating: "[", count: 100_000)
    #expect(throws: JSONError(offset: 128, message: "nesting is deeper than 128")) { try JSONValue(parsing: deep) }
    let legal = String(repeating: "[", count: 128) + String(repeating: "]", count: 128)
    _ = try JSONValue(parsing: legal)
  }

  @Test func repeatedKeyKeepsItsFirstPlaceAndItsLastValue() throws {
    #expect(try JSONValue(parsing: #"{"a":1,"b":2,"a":3}"#).serializedText() == #"{"a":3,"b":2}"#)
  }

  @Test func writesTheCompactForm() {
    let value: JSONValue = ["z": [1, 0.1, 1e300, nil, true], "a": "\u{1}\u{1F}\"\\\n\té😀", "n": .double(.nan)]
    #expect(value.serializedText() == #"{"z":[1,0.1,1e+300,null,true],"a":"\u0001\u001f\"\\\n\té😀","n":null}"#)
  }

  @Test func everyPrefixOfADocumentIsRefused() throws {
    let document = Array(#"{"a":[1,-2.5e3,"x\u00e9\ud83d\ude00",true,null,{"b":{}}]}"#.utf8)
    for length in 0..<document.count {
      #expect(throws: JSONError.self) { try JSONValue(parsing: Array(document[..<length])) }
    }
    let value = try JSONValue(parsing: document)
    #expect(try JSONValue(parsing: value.serialized()) == value)
  }
}
