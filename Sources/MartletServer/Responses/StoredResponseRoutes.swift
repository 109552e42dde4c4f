import Hummingbird
import MartletText

/// What clients do with a response that they have made: GET, DELETE, cancel, and its input items.
struct StoredResponseRoutes: Sendable {
  let reader: RequestReader
  let connections: ClientConnections
  let store: ResponseStore
  let streams: ResumableStreams
  let running: RunningResponses

  func routes() -> [ServedRoute] {
    [
      ServedRoute(.get, "/v1/responses/:id", RouteDescription("Tell a stored response").answering(.response)) {
        try retrieve($0, $1)
      },
      ServedRoute(.delete, "/v1/responses/:id", RouteDescription("Delete a stored response").answering(.deletion)) {
        try await delete($0, $1)
      },
      ServedRoute(.post, "/v1/responses/:id/cancel", RouteDescription("End a background response").answering(.response))
      {
        try await cancel($0, $1)
      },
      ServedRoute(
        .get, "/v1/responses/:id/input_items", RouteDescription("List what a response answered").answering(.page)
      ) {
        try inputItems($0, $1)
      },
    ]
  }

  private func retrieve(_ request: Request, _ context: ServerContext) throws -> Response {
    let (id, tenant, entry) = try find(request, context)
    guard request.uri.queryParameters["stream"] == "true" else { return Response(json: entry.response.value) }
    guard let log = streams.find(id, tenant: tenant) else {
      throw APIError(
        .badRequest, "the events of \(id) are not kept: they are for background responses, for a while", field: "stream"
      )
    }
    let after = request.uri.queryParameters["starting_after"].map { Int($0) } ?? -1
    guard let after, (-1...Int(Int32.max)).contains(after) else {
      throw APIError(.badRequest, "starting_after must be the number of an event", field: "starting_after")
    }
    return log.response(after: after, channel: context.channel, connections: connections)
  }

  private func delete(_ request: Request, _ context: ServerContext) async throws -> Response {
    let (id, tenant, _) = try find(request, context)
    _ = await running.cancel(id, tenant: tenant)
    streams.remove(id)
    _ = try store.delete(id, tenant: tenant)
    return Response(json: ["id": .string(id), "object": "response", "deleted": true])
  }

  private func cancel(_ request: Request, _ context: ServerContext) async throws -> Response {
    let (id, tenant, entry) = try find(request, context)
    guard entry.response.isBackground else {
      throw APIError(.badRequest, "only a background response can be cancelled; close the connection of others")
    }
    _ = await running.cancel(id, tenant: tenant)
    return Response(json: try find(request, context).2.response.value)
  }

  private func inputItems(_ request: Request, _ context: ServerContext) throws -> Response {
    let (_, tenant, entry) = try find(request, context)
    let history = try entry.previous.map { try store.conversation(endingWith: $0, tenant: tenant) } ?? []
    return Response(json: try ListPage(request, defaultOrder: .descending).json(history + entry.input))
  }

  private func find(
    _ request: Request, _ context: ServerContext
  ) throws -> (String, Tenant, ResponseStore.Entry) {
    let id = context.parameters.get("id") ?? "", tenant = Tenant(request, options: reader.options)
    guard let entry = try store.find(id, tenant: tenant) else {
      throw APIError(.notFound, "Response with id '\(id)' not found.", field: "id")
    }
    return (id, tenant, entry)
  }
}
