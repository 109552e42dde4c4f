import Hummingbird
import HummingbirdTesting
import Testing

@testable import MartletServer

/// The page's files: what they are served with, and to whom.
@Suite struct PageRoutesTests {
  private func get(
    _ path: String, headers: HTTPFields = [:], options: HTTPOptions = HTTPOptions()
  ) async throws -> TestResponse {
    let server = try TestServer(ScriptedGenerator(text: "x"), options: options)
    let application = Application(responder: server.server.router().buildResponder())
    return try await application.test(.router) { client in
      try await client.execute(uri: path, method: .get, headers: headers)
    }
  }

  @Test(arguments: [("/", "text/html"), ("/ui/app.js", "text/javascript"), ("/ui/style.css", "text/css")])
  func filesCarryTheirTypeAndAStrictPolicy(path: String, type: String) async throws {
    let reply = try await get(path)
    #expect(reply.status == .ok)
    #expect(reply.headers[.contentType] == type + "; charset=utf-8")
    #expect(reply.headers[.xContentTypeOptions] == "nosniff")
    let policy = try #require(reply.headers[.contentSecurityPolicy])
    #expect(policy.hasPrefix("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'"))
    #expect(!policy.contains("unsafe"))
    #expect(reply.body.readableBytes > 500)
  }

  @Test func aKnownFileIsNotSentAgain() async throws {
    let tag = try #require(try await get("/ui/app.js").headers[.eTag])
    for known in [tag, "\"other\", W/" + tag, "*"] {
      let again = try await get("/ui/app.js", headers: [.ifNoneMatch: known])
      #expect(again.status == .notModified)
      #expect(again.body.readableBytes == 0)
      #expect(again.headers[.eTag] == tag)
    }
    #expect(try await get("/ui/app.js", headers: [.ifNoneMatch: "\"other\""]).status == .ok)
  }

  @Test func thePageIsOpenAndTheAPIBehindItIsNot() async throws {
    var options = HTTPOptions()
    options.apiKey = "secret"
    #expect(try await get("/", options: options).status == .ok)
    #expect(try await get("/ui/app.js", options: options).status == .ok)
    #expect(try await get("/server_info", options: options).status == .unauthorized)
    #expect(try await get("/ui/../server_info", options: options).status == .unauthorized)
  }

  @Test(arguments: ["/ui/../Package.swift", "/ui/%2e%2e/Package.swift", "/ui/", "/ui/none.js", "/ui/..%2fapp.js"])
  func nothingElseIsServed(path: String) async throws {
    #expect(try await get(path).status == .notFound)
  }

  @Test func noFileHoldsInlineCode() throws {
    for file in EmbeddedPage.files {
      let text = String(describing: file.text)
      #expect(!text.contains("innerHTML"))
      #expect(!text.contains("style=\""))
      #expect(!text.contains("onclick="))
    }
  }
}
