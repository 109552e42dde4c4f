import Hummingbird
import MartletText

extension Response {
  init(json: JSONValue, status: HTTPResponse.Status = .ok) {
    var bytes: [UInt8] = []
    json.write(to: &bytes)
    self.init(
      status: status, headers: [.contentType: "application/json"],
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
  }

  init(text: String, status: HTTPResponse.Status = .ok) {
    self.init(
      status: status, headers: [.contentType: "text/plain; charset=utf-8"],
      body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
  }
}
