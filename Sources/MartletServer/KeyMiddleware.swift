import Hummingbird

/// Holds each route to its scope: with a key set, everything but liveness and the page's own files needs it. Errors leave
/// it in their route's dialect.
struct KeyMiddleware<Context: RequestContext>: RouterMiddleware {
  let options: HTTPOptions
  /// The methods of each path without parameters.
  var methods: [String: [HTTPRequest.Method]] = [:]

  private static var openPaths: Set<String> { ["/health", "/health_generate", "/ready", "/ping"] }
  private static var adminPaths: Set<String> { ["/flush_cache", "/abort_request"] }

  @concurrent
  func handle(
    _ request: Request, context: Context, next: @concurrent (Request, Context) async throws -> Response
  ) async throws -> Response {
    let path = request.uri.path
    if !Self.openPaths.contains(path) && !PageRoutes.paths.contains(path) {
      let needed = Self.adminPaths.contains(path) ? options.adminAPIKey ?? options.apiKey : options.apiKey
      let given = Self.key(request)
      if let needed {
        let isAdmin = options.adminAPIKey.map { Self.equal($0, given ?? "") } ?? false
        guard Self.equal(needed, given ?? "") || isAdmin else {
          var refusal = APIError(.unauthorized, "Unauthorized: send the key as \"Authorization: Bearer <key>\"")
          refusal.dialect = APIError.Dialect(path: path)
          throw refusal
        }
      }
    }
    do { return try await next(request, context) } catch {
      if error is CancellationError { throw error }
      var mapped = (error as? HTTPError)?.status == .notFound ? unknownRoute(request) : APIError(any: error)
      mapped.dialect = APIError.Dialect(path: path)
      throw mapped
    }
  }

  private func unknownRoute(_ request: Request) -> APIError {
    let path = request.uri.path.prefix(200)
    guard let methods = methods[String(path)] else {
      return APIError(.notFound, "there is no \(request.method) \(path); /openapi.json lists the routes")
    }
    let names = methods.map(\.rawValue)
    var error = APIError(
      .methodNotAllowed, "\(path) takes \(names.joined(separator: " or ")), not \(request.method)")
    error.allowedMethods = names
    return error
  }

  /// The key that a request came with: a bearer token, or Anthropic's header.
  static func key(_ request: Request) -> String? {
    if let bearer = request.headers[.authorization], bearer.hasPrefix("Bearer ") { return String(bearer.dropFirst(7)) }
    return HTTPFields.Element.Name("x-api-key").flatMap { request.headers[$0] }
  }

  /// Takes the same time wherever the two differ.
  private static func equal(_ left: String, _ right: String) -> Bool {
    let a = Array(left.utf8), b = Array(right.utf8)
    var difference = UInt8(a.count == b.count ? 0 : 1)
    for index in a.indices { difference |= a[index] ^ (b.isEmpty ? 1 : b[index % b.count]) }
    return difference == 0
  }
}
