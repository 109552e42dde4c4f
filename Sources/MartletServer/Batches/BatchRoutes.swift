import Hummingbird
import MartletText

/// /v1/batches
struct BatchRoutes: Sendable {
  let reader: RequestReader
  let store: BatchStore
  let runner: BatchRunner

  /// The body's description has no example: what it names must have been uploaded.
  private static let creation = RouteDescription(
    "Answer the requests of a file",
    body: [
      RequestField("input_file_id", .string), RequestField("endpoint", .string),
      RequestField("completion_window", .string), RequestField("metadata", .object([])),
    ], required: ["input_file_id", "endpoint"], example: .null
  ).answering(.batch)

  func routes() -> [ServedRoute] {
    [
      ServedRoute(.post, "/v1/batches", Self.creation) { request, _ in try await create(request) },
      ServedRoute(.get, "/v1/batches", RouteDescription("List the batches").answering(.page)) { request, _ in
        let batches = try store.list(tenant: Tenant(request, options: reader.options))
        return Response(json: try ListPage(request, defaultOrder: .descending).json(batches.map(\.value)))
      },
      ServedRoute(.get, "/v1/batches/:id", RouteDescription("Tell about a batch").answering(.batch)) {
        request, context in
        Response(json: try find(request, context).value)
      },
      ServedRoute(.post, "/v1/batches/:id/cancel", RouteDescription("End a batch").answering(.batch)) {
        request, context in
        try cancel(request, context)
      },
    ]
  }

  private func cancel(_ request: Request, _ context: ServerContext) throws -> Response {
    let batch = try find(request, context)
    guard batch.status.isOpen else {
      throw APIError(.badRequest, "the batch has the status \(batch.status.rawValue) and cannot be cancelled")
    }
    try store.cancel(batch.id)
    runner.cancel(batch.id)
    return Response(json: try find(request, context).value)
  }

  private func create(_ request: Request) async throws -> Response {
    let tenant = Tenant(request, options: reader.options)
    let batch = try await reader.prepare(request) { fields, _ in
      let endpoint = try fields.string("endpoint") ?? "", named = try fields.string("input_file_id")
      let window = try fields.string("completion_window") ?? "24h", metadata = try fields.fields("metadata")?.object
      guard BatchRunner.endpoints.contains(endpoint) else {
        throw APIError(
          .badRequest, "endpoint must be one of \(BatchRunner.endpoints.joined(separator: ", "))", field: "endpoint")
      }
      guard let file = named, let entry = try store.files.find(file, tenant: tenant),
        let content = try store.files.content(file, tenant: tenant)
      else { throw APIError(.notFound, "input_file_id names no file", field: "input_file_id") }
      guard entry.purpose == "batch" else {
        throw APIError(.badRequest, "the file's purpose must be \"batch\"", field: "input_file_id")
      }
      let now = store.clock(), input = BatchInput(content, endpoint: endpoint, maxLines: store.options.maxBatchRequests)
      var batch = BatchObject(
        id: Identifier.make("batch_"), created: now, expires: now + (try Self.hours(window)) * 3600,
        endpoint: endpoint, inputFile: file, completionWindow: window, metadata: metadata.map { .object($0) } ?? .null)
      if !input.faults.isEmpty { batch.fail(input.faults, at: now) }
      try store.add(batch, lines: input.faults.isEmpty ? input.lines : [], endpoint: endpoint, tenant: tenant)
      return try store.find(batch.id, tenant: tenant) ?? batch
    }
    runner.wake()
    return Response(json: batch.value)
  }

  private static func hours(_ window: String) throws(APIError) -> Int {
    guard window.hasSuffix("h"), let hours = Int(window.dropLast()), (1...336).contains(hours) else {
      throw APIError(.badRequest, "completion_window must be hours, as in \"24h\"", field: "completion_window")
    }
    return hours
  }

  private func find(_ request: Request, _ context: ServerContext) throws -> BatchObject {
    let id = context.parameters.get("id") ?? ""
    guard let batch = try store.find(id, tenant: Tenant(request, options: reader.options)) else {
      throw APIError(.notFound, "No batch found with id '\(id)'.", field: "id")
    }
    return batch
  }
}
