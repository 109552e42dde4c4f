import Hummingbird
import MartletCore
import MartletText

/// Cache and abort routes.
struct ControlRoutes: Sendable {
  let model: ServedModel
  let reader: RequestReader
  let registry: RequestRegistry

  func flushCache() async -> Response {
    await model.generator.flushCache()
      ? Response(text: "Cache flushed.\n")
      : Response(text: "The cache was not flushed: requests are running.\n", status: .badRequest)
  }

  func abort(_ request: Request) async throws -> Response {
    let (all, rid) = try await reader.prepare(request) { fields, _ in
      (try fields.bool("abort_all") ?? false, try fields.string("rid") ?? "")
    }
    if all || !rid.isEmpty {
      for id in registry.ids(prefix: all ? "" : rid) { model.generator.cancel(id) }
    }
    return Response(status: .ok)
  }
}
