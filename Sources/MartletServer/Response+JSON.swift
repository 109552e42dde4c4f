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

  /// The answer of a route that watched its connection for the client leaving. Hummingbird closes the connection after
  /// such a route, and says nothing to the client, which would otherwise send its next request into the closing socket.
  static func watched(_ json: JSONValue) -> Response {
    var response = Response(json: json)
    response.headers[.connection] = "close"
    return response
  }

  init(text: String, status: HTTPResponse.Status = .ok) {
    self.init(
      status: status, headers: [.contentType: "text/plain; charset=utf-8"],
      body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
  }
}
