import Hummingbird

/// The page to talk to. Its files hold no data and are open to all; what it asks of the API carries the user's key.
struct PageRoutes: Sendable {
  static let paths = Set(EmbeddedPage.files.map(\.path))

  private static var policy: String {
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
      + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
  }

  func add(to router: Router<ServerContext>) {
    for file in EmbeddedPage.files {
      router.get(RouterPath(file.path)) { request, _ in answer(file, to: request) }
    }
  }

  private func answer(_ file: PageFile, to request: Request) -> Response {
    let headers: HTTPFields = [
      .contentType: file.contentType, .eTag: file.tag, .cacheControl: "no-cache",
      .contentSecurityPolicy: Self.policy, .xContentTypeOptions: "nosniff",
    ]
    if let known = request.headers[.ifNoneMatch], Self.matches(known, file.tag) {
      return Response(status: .notModified, headers: headers)
    }
    return Response(
      status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(staticString: file.text)))
  }

  /// Whether an If-None-Match list holds the tag, by weak comparison (RFC 9110, 13.1.2).
  private static func matches(_ list: String, _ tag: String) -> Bool {
    list.split(separator: ",").contains { item in
      let item = item.drop { $0 == " " }.prefix { $0 != " " }
      return item == "*" || item == tag || item == "W/" + tag
    }
  }
}
