import Hummingbird

/// Reads the two headers of resumable streams. `Martlet-Resume: SECONDS` keeps a stream's generation alive for that time
/// after its client has left. `Last-Event-ID: STREAM:NUMBER`, on the same POST or on `GET /v1/streams/STREAM`, continues
/// behind that event; the body is not read again.
struct ResumeMiddleware: RouterMiddleware {
  let streams: ResumableStreams
  let connections: ClientConnections
  let options: HTTPOptions

  @concurrent
  func handle(
    _ request: Request, context: ServerContext,
    next: @concurrent (Request, ServerContext) async throws -> Response
  ) async throws -> Response {
    guard request.method == .post, request.uri.path.hasPrefix("/v1/") else { return try await next(request, context) }
    let tenant = Tenant(request, options: options)
    if let last = Self.header("Last-Event-ID", request), last.hasPrefix("strm_") || last.hasPrefix("resp_") {
      return try resume(last, tenant, context)
    }
    guard let wish = Self.header("Martlet-Resume", request) else { return try await next(request, context) }
    guard let seconds = Int(wish), (0...streams.limits.maxGraceSeconds).contains(seconds) else {
      throw APIError(
        .badRequest, "the header Martlet-Resume must be a number of seconds up to \(streams.limits.maxGraceSeconds)")
    }
    var context = context
    context.resumption = Resumption(streams: streams, tenant: tenant, grace: .seconds(seconds))
    return try await next(request, context)
  }

  /// GET /v1/streams/{id}, with the header or `starting_after`; from the beginning without either.
  func read(_ request: Request, _ context: ServerContext) throws -> Response {
    let id = context.parameters.get("id") ?? ""
    let last = Self.header("Last-Event-ID", request) ?? request.uri.queryParameters["starting_after"].map(String.init)
    let number = last.map { $0.split(separator: ":").last.map(String.init) ?? "" } ?? "-1"
    return try resume(id + ":" + number, Tenant(request, options: options), context)
  }

  private func resume(_ last: String, _ tenant: Tenant, _ context: ServerContext) throws(APIError) -> Response {
    let parts = last.split(separator: ":", maxSplits: 1)
    guard parts.count == 2, let number = Int(parts[1]), (-1...Int(Int32.max)).contains(number) else {
      throw APIError(.badRequest, "Last-Event-ID must be the id of an event, as STREAM:NUMBER")
    }
    guard let log = streams.find(String(parts[0]), tenant: tenant) else {
      throw APIError(.notFound, "there is no stream \(parts[0]): it may have expired")
    }
    return log.response(after: number, channel: context.channel, connections: connections)
  }

  private static func header(_ name: String, _ request: Request) -> String? {
    HTTPFields.Element.Name(name).flatMap { request.headers[$0] }
  }
}
