import Hummingbird

/// A route: where it is, what answers there, and what is said about it. The router and /openapi.json are both made of
/// these, so that neither knows a route that the other lacks.
struct ServedRoute: Sendable {
  let method: HTTPRequest.Method
  /// A last part of `**` takes the rest of the path.
  let path: String
  let description: RouteDescription
  let answer: @Sendable (Request, ServerContext) async throws -> Response

  init(
    _ method: HTTPRequest.Method, _ path: String, _ description: RouteDescription,
    _ answer: @escaping @Sendable (Request, ServerContext) async throws -> Response
  ) {
    self.method = method
    self.path = path
    self.description = description
    self.answer = answer
  }

  func add(to router: Router<ServerContext>) {
    let answer = answer
    router.on(RouterPath(path), method: method) { request, context in try await answer(request, context) }
  }
}
