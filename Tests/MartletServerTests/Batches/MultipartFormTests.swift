import MartletText
import Testing

@testable import MartletServer

@Suite struct MultipartFormTests {
  private static let type = "multipart/form-data; boundary=\"b\""
  private static let body = Array(
    """
    --b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n\
    --b\r\nContent-Disposition: form-data; name="file"; filename="in.jsonl"\r\nContent-Type: text/plain\r\n\r\n\
    one\r\n--a\n\r\n--b--\r\n
    """.utf8)

  @Test func partsAreFound() throws {
    let form = try MultipartForm(Self.body, contentType: Self.type)
    #expect(form.text("purpose") == "batch")
    #expect(form.parts["file"]?.fileName == "in.jsonl")
    #expect(form.text("file") == "one\r\n--a\n")
    #expect(form.text("other") == nil)
  }

  @Test func aBodyThatIsCutAnywhereIsRefused() {
    let complete = Self.body.count - 2
    for length in 0..<complete {
      #expect(throws: APIError.self) { try MultipartForm(Array(Self.body.prefix(length)), contentType: Self.type) }
    }
  }

  @Test(arguments: [nil, "application/json", "multipart/form-data", "multipart/form-data; boundary="])
  func aBoundaryIsNeeded(type: String?) {
    #expect(throws: APIError.self) { try MultipartForm(Self.body, contentType: type) }
  }
}
