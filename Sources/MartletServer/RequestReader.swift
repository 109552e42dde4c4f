import Hummingbird
import MartletCore
import MartletText

/// Reads request bodies and what surrounds them.
struct RequestReader: Sendable {
  let options: HTTPOptions

  /// The place of a request among the waiting; 0 where priorities are off.
  func priority(_ fields: RequestFields) throws(InvalidField) -> Int {
    let priority = try fields.integer("priority", in: -1_000_000...1_000_000) ?? 0
    return options.honorsPriority ? priority : 0
  }

  /// The body as JSON.
  func json(_ incoming: Request) async throws -> JSONValue {
    var request = incoming
    let type = request.headers[.contentType]?.split(separator: ";").first.map { $0.lowercased() }
    guard type == "application/json" else {
      throw APIError(.badRequest, "Content-Type must be application/json, got \(type ?? "none")")
    }
    let buffer: ByteBuffer
    do { buffer = try await request.collectBody(upTo: options.maxBodyBytes) } catch let error as HTTPError
      where error.status == .contentTooLarge
    {
      throw APIError(.contentTooLarge, "the body is larger than \(options.maxBodyBytes) bytes")
    }
    return try JSONValue(parsing: Array(buffer.readableBytesView))
  }

  /// The cache namespace of a request: the key that it came with and the salts that it carries.
  func namespace(_ request: Request, _ fields: RequestFields) throws(InvalidField) -> CacheNamespace {
    var name = ""
    if options.apiKey != nil || options.adminAPIKey != nil, let key = request.headers[.authorization] {
      name = "key=\(key.utf8.count):\(key)"
    }
    for key in ["cache_salt", "extra_key"] {
      if let salt = try fields.string(key) { name += "\n\(key)=\(salt.utf8.count):\(salt)" }
    }
    return CacheNamespace(name)
  }
}
