import Foundation
import Hummingbird
import MartletText

/// /v1/files
struct FileRoutes: Sendable {
  private static let purposes: Set = ["batch", "user_data"]
  /// Room for the other fields of an upload.
  private static let formBytes = 1 << 16

  let options: HTTPOptions
  let store: FileStore

  func routes() -> [ServedRoute] {
    [
      ServedRoute(.post, "/v1/files", RouteDescription("Keep a file, as multipart/form-data").answering(.file)) {
        request, _ in
        try await upload(request)
      },
      ServedRoute(.get, "/v1/files", RouteDescription("List the files").answering(.page)) { request, _ in
        try list(request)
      },
      ServedRoute(.get, "/v1/files/:id", RouteDescription("Tell about a file").answering(.file)) { request, context in
        Response(json: try find(request, context).json)
      },
      ServedRoute(.get, "/v1/files/:id/content", RouteDescription("Read a file", answer: .bytes)) {
        try content($0, $1)
      },
      ServedRoute(.delete, "/v1/files/:id", RouteDescription("Delete a file").answering(.deletion)) {
        request, context in
        let entry = try find(request, context)
        _ = try store.delete(entry.id, tenant: Tenant(request, options: options))
        return Response(json: ["id": .string(entry.id), "object": "file", "deleted": true])
      },
    ]
  }

  private func upload(_ incoming: Request) async throws -> Response {
    var request = incoming
    guard !request.isFromAnotherSite else {
      throw APIError(.forbidden, "a page of another site must not upload files here")
    }
    let limit = store.options.maxFileBytes
    let tooLarge = APIError(.contentTooLarge, "the file is larger than \(limit) bytes", field: "file")
    let body: [UInt8]
    do {
      body = Array(try await request.collectBody(upTo: limit + Self.formBytes).readableBytesView)
    } catch let error as HTTPError where error.status == .contentTooLarge { throw tooLarge }
    let form = try MultipartForm(body, contentType: request.headers[.contentType])
    guard let file = form.parts["file"] else { throw APIError(.badRequest, "file is missing", field: "file") }
    guard file.content.count <= limit else { throw tooLarge }
    guard let purpose = form.text("purpose"), Self.purposes.contains(purpose) else {
      throw APIError(.badRequest, "purpose must be \"batch\" or \"user_data\"", field: "purpose")
    }
    let lifetime = try Self.lifetime(form)
    let entry = try store.add(
      Data(form.bytes[file.content]), name: Self.name(file.fileName), purpose: purpose, lifetime: lifetime,
      tenant: Tenant(request, options: options))
    return Response(json: entry.json)
  }

  private static func lifetime(_ form: MultipartForm) throws(APIError) -> Int? {
    guard let text = form.text("expires_after[seconds]") else { return nil }
    guard let seconds = Int(text), (3600...2_592_000).contains(seconds) else {
      throw APIError(.badRequest, "expires_after.seconds must be between 3600 and 2592000", field: "expires_after")
    }
    return seconds
  }

  /// The name without folders: it is shown, never opened.
  private static func name(_ given: String?) -> String {
    let last = (given ?? "").split(whereSeparator: { $0 == "/" || $0 == "\\" }).last.map(String.init) ?? ""
    let plain = last.filter { !$0.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F } }
    return plain.isEmpty ? "file" : String(plain.prefix(255))
  }

  private func list(_ request: Request) throws -> Response {
    let purpose = request.uri.queryParameters["purpose"].map { String($0) }
    let entries = try store.list(purpose: purpose, tenant: Tenant(request, options: options))
    let page = try ListPage(request, defaultOrder: .descending, maxLimit: 10_000, defaultLimit: 10_000)
    return Response(json: try page.json(entries.map(\.json)))
  }

  private func content(_ request: Request, _ context: ServerContext) throws -> Response {
    let entry = try find(request, context)
    guard let content = try store.content(entry.id, tenant: Tenant(request, options: options)) else {
      throw Self.unknown(entry.id)
    }
    return Response(
      status: .ok, headers: [.contentType: "application/octet-stream"],
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: content)))
  }

  private func find(_ request: Request, _ context: ServerContext) throws -> FileStore.Entry {
    let id = context.parameters.get("id") ?? ""
    guard let entry = try store.find(id, tenant: Tenant(request, options: options)) else { throw Self.unknown(id) }
    return entry
  }

  private static func unknown(_ id: String) -> APIError {
    APIError(.notFound, "No such File object: \(id)", field: "id")
  }
}
